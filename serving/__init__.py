"""The bundle and the server that answers with it. Imports neither tensorflow, kfp nor mlflow."""
