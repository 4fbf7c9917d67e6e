"""What runs a race: processes of this machine, Ray Tune, Optuna."""
