"""How many simulations run: jobs, the pool of workers, the run store."""
