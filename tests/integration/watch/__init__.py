"""Tests of watch mode, in processes of their own."""
