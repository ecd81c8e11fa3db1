"""The TF-IDF linear model: the floor that every training is compared with, and an architecture of its own."""
