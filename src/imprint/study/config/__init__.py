"""The typed configuration of a study: every key of `config.yaml` with its description and default.

The JSON schema in workflow/schemas is generated from these models. Checks that need more than one key (names that
must exist, classes that a dataset must have) are in `imprint.study.checks`.
"""
