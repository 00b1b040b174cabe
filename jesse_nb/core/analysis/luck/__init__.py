"""Skill or luck."""
