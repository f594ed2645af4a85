"""Runs `nextframe` in this process, as a shell would."""

from dataclasses import dataclass

import pytest

from services.operator_cli.__main__ import main

TOKEN = "an operator's token of thirty-two characters"


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Shell:
    """A terminal with 100 columns and no colours."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    url: str

    def run(self, *arguments: str, token: str = TOKEN) -> Answer:
        variables = {"COLUMNS": "100", "NO_COLOR": "1", "NEXTFRAME_OPERATOR_URL": self.url}
        for name, value in (variables | {"NEXTFRAME_OPERATOR_TOKEN": token}).items():
            self.monkeypatch.setenv(name, value)
        self.monkeypatch.setattr("sys.argv", ["nextframe", *arguments])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = self.capsys.readouterr()
        code = exit_.value.code
        return Answer(int(code or 0), out, err)


def lines(text: str) -> list[str]:
    """Without blank lines and without spaces at the ends."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]
