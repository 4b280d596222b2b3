"""The scikit-learn classifier and what belongs to it."""
