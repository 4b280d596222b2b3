"""The scikit-learn classifier, and the functions around it: inputs, evaluation, explanation, comparison, export."""
