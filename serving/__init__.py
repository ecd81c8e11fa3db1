"""The bundle (load it, predict with it) and the server that answers with it. Imports neither tensorflow, kfp nor mlflow."""
