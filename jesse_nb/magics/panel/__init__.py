"""`%panel`: the magics as forms."""
