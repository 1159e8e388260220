"""The command, called within the tests' process."""

from keras_arcface.cli.main import main


def call(*arguments):
    return main([str(argument) for argument in arguments])


def error_of(capsys, *arguments):
    """Returns the exit code and the one line of the error."""
    code = call(*arguments)
    text = capsys.readouterr().err
    assert "Traceback" not in text
    line = next(x for x in text.splitlines() if "keras-arcface: error:" in x)
    return code, line
