"""What a person does with registered versions: promote, roll back, and see where they stand."""
