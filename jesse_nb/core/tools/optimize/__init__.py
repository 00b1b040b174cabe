"""Finding the best hyperparameters."""
