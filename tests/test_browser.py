"""How the page tests come by a browser: the system's, else one that is installed, else a word on what to do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from .site import browser


def programs(ways):
    """Return by way the programs it runs."""
    return [["playwright" if "playwright" in command else command[0] for command in commands] for commands in ways]


class Machine:
    """Stands in for one: which command brings a browser, which fail, and what was run."""

    def __init__(self, brings=None, fails=()):
        self.brings, self.fails, self.run = brings, fails, []

    def there(self):
        return self.brings is None or self.brings in self.run

    def failure(self, command):
        self.run.append(command)
        return "no route to host" if command in self.fails else ""

    def provided(self, *ways):
        browser.provide(ways, self.there, self.failure)
        return self.run


@pytest.mark.parametrize(
    ("root", "sudo", "apt", "expected"),
    [
        (True, False, True, [["apt-get", "env"], ["env"], ["playwright"], ["playwright"]]),
        (True, False, False, [["playwright"], ["playwright"]]),
        (False, True, True, [["playwright"], ["playwright"]]),
        (False, False, True, [["playwright"]]),
    ],
)
def test_root_on_debian_installs_chromium_and_others_let_playwright_do_what_they_may(root, sudo, apt, expected):
    ways = list(browser.ways(root, sudo, apt))
    assert programs(ways) == expected
    assert ["--with-deps" in commands[0] for commands in ways if "playwright" in commands[0]] == (
        [True, False] if root or sudo else [False]
    )


def test_debian_is_asked_for_little_and_answers_without_a_question():
    (update, install), *_ = browser.ways(root=True, sudo=False, apt=True)
    assert update[:2] == ("apt-get", "update")
    assert install[:3] == ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get")
    assert {"-y", "--no-install-recommends", "chromium", "chromium-headless-shell", "fonts-dejavu-core"} <= set(install)


def test_a_debian_without_the_shell_has_chromium_all_the_same():
    _, (install,), *_ = browser.ways(root=True, sudo=False, apt=True)
    assert "chromium" in install
    assert "chromium-headless-shell" not in install


def test_where_there_is_a_browser_nothing_is_run():
    assert Machine().provided([("one",)]) == []


def test_the_first_way_that_leads_to_a_browser_is_the_last_that_is_tried():
    assert Machine(brings=("two",)).provided([("one",)], [("two",)], [("three",)]) == [("one",), ("two",)]


def test_a_way_ends_at_the_first_command_that_fails_and_the_next_way_is_tried(capsys):
    machine = Machine(brings=("three",), fails={("one",)})
    assert machine.provided([("one",), ("two",)], [("three",)]) == [("one",), ("three",)]
    assert "In vain: no route to host" in capsys.readouterr().out


def test_where_no_way_leads_to_a_browser_one_line_says_what_to_do():
    with pytest.raises(SystemExit, match=r"^There is no Chromium .*: install one \(.*\)\.$"):
        Machine(brings=("never",)).provided([("one",)], [("two",)])


def test_why_a_command_failed_is_the_last_that_it_said(tmp_path):
    script = tmp_path / "one"
    script.write_text("#!/bin/sh\necho first; echo last >&2; echo '    at line 3'; exit 3\n")
    script.chmod(0o755)
    assert browser.failure([str(script)]) == "last"
    script.write_text("#!/bin/sh\nexit 3\n")
    assert browser.failure([str(script)]) == "it failed"
    script.write_text("#!/bin/sh\necho well\n")
    assert browser.failure([str(script)]) == ""
    assert "one" in browser.failure([str(tmp_path / "none" / "one")])


def test_a_browser_that_does_not_start_counts_as_none(tmp_path, monkeypatch):
    for name, status in (("chromium", 1), ("google-chrome", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.system_chromium() == str(tmp_path / "google-chrome")
    assert browser.system_chromium("none-such") == str(tmp_path / "google-chrome")
    (tmp_path / "google-chrome").unlink()
    assert browser.system_chromium() is None


def test_tests_ask_for_the_shell_first_and_readers_chromium_is_there_for_who_asks(tmp_path, monkeypatch):
    for name in ("chromium", browser.SHELL):
        (tmp_path / name).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    started = SimpleNamespace(chromium=SimpleNamespace(launch=lambda **given: given["executable_path"]))
    for asked, name in ((None, browser.SHELL), ("whole", "chromium")):
        monkeypatch.delenv("MARGINLAB_BROWSER", raising=False)
        if asked:
            monkeypatch.setenv("MARGINLAB_BROWSER", asked)
        assert browser.launch_for_tests(started) == str(tmp_path / name)
    assert browser.launch(started) == str(tmp_path / "chromium")
