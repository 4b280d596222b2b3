"""The command that the report names."""

import shlex

from imprint.study.command import command_of


def test_it_asks_for_the_study_that_was_asked_for():
    assert command_of({}) == "snakemake --cores N"
    requested = {"study": "config/small.yaml", "seeds": [1, 2]}
    keys = shlex.split(command_of(requested))[4:]
    assert keys == ["study=config/small.yaml", "seeds=[1, 2]"]
    assert "--configfile" in command_of({"experiments": {}})
