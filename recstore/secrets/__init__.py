"""What is secret: its shapes and names, its removal before and after recording, and where a store holds some."""
