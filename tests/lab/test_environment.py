# SPDX-License-Identifier: MIT
import deploy_folder
import pytest
import yaml
from labgrid.factory import target_factory
from samples import HARDWARE

from lab import environment
from lab.environment import Board, NoBoardError
from lab.flash import Plan


@pytest.fixture(autouse=True)
def boards(tmp_path, monkeypatch):
    """The folder of all boards."""
    monkeypatch.setattr(environment, "board_folder", lambda name: tmp_path / "boards" / name)
    for port in environment.PORTS:
        monkeypatch.delenv(f"LG_PORT_{port.upper()}", raising=False)
    return tmp_path / "boards"


def real_board(folder):
    path = folder / "bench.yaml"
    path.write_text("targets:\n  main:\n    features: [real]\n")
    return str(path)


def test_by_name():
    board = Board.find("virtual")
    assert (board.name, board.virtual) == ("virtual", True)
    assert Board.find("virtual", instance="other").folder.name == "other"


def test_by_file(tmp_path):
    board = Board.find(real_board(tmp_path))
    assert (board.name, board.virtual) == ("bench", False)
    assert board.load().get_target_features() == {"real"}


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(NoBoardError, match="no board nonsense: name one of db845c, remote, virtual"):
        Board.find("nonsense")


@pytest.mark.parametrize("text", ["- a\n- list\n", "targets: [", ""])
def test_a_file_that_is_no_environment(tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(NoBoardError, match="is no labgrid environment"):
        Board.find(str(tmp_path / "bad.yaml"))


def test_a_variable_that_nobody_sets(tmp_path):
    (tmp_path / "bad.yaml").write_text("targets: {main: {resources: {X: {a: !template $LG_NONSENSE}}}}")
    with pytest.raises(NoBoardError, match="LG_NONSENSE"):
        Board.find(str(tmp_path / "bad.yaml")).load()


def test_a_real_board_has_no_process(tmp_path):
    board = Board.find(real_board(tmp_path))
    for action in (board.start, board.stop, board.running):
        with pytest.raises(NoBoardError, match="is no virtual board"):
            action()


def test_a_virtual_board_that_does_not_run():
    board = Board.find("virtual")
    assert board.running() is None and board.stop() is False
    with pytest.raises(NoBoardError, match="does not run: start it with"):
        board.load()
    assert "dsp-record" in board.load(must_run=False).get_target_features()


def test_ports_are_the_processes(boards):
    board = Board.find("virtual")
    info = board.start(outlive=False)
    try:
        target = board.load().get_target()
        assert target.get_resource("NetworkSerialPort").port == info.ports["console"]
        assert target.get_resource("AndroidNetFastboot").port == info.ports["fastboot"]
        assert target.get_resource("NetworkService").port == info.ports["ssh"]
        assert target.get_driver("PowerProtocol").get() is False
    finally:
        assert board.stop() is True


def test_the_key_and_the_manifest_are_kept(tmp_path):
    board = Board.find("virtual")
    assert board.manifest is None
    plan = Plan.read(deploy_folder.make(tmp_path / "deploy"))
    for _ in range(2):
        board.remember(plan)
        assert board.key.read_bytes() == b"a key\n"
        assert board.key.stat().st_mode & 0o777 == 0o600
        assert board.manifest == plan.manifest


def test_the_images_host_key_is_known_from_the_start(tmp_path):
    board = Board.find("virtual")
    folder = deploy_folder.make(tmp_path / "deploy")
    (folder / "ssh_host_ed25519_key.pub").write_text("ssh-ed25519 AAAA root@board\n")
    board.remember(Plan.read(folder))
    assert board.known_hosts.read_text() == "board ssh-ed25519 AAAA root@board\n"
    board.remember(Plan.read(deploy_folder.make(tmp_path / "other")))
    assert not board.known_hosts.exists()


def test_a_boot_image_alone_leaves_the_keys(tmp_path):
    board = Board.find("virtual")
    folder = deploy_folder.make(tmp_path / "deploy")
    board.remember(Plan.read(folder))
    board.known_hosts.write_text("kept")
    board.remember(Plan.of_files([folder / "boot-virtual-db845c.img"]))
    assert board.key.read_bytes() == b"a key\n"
    assert board.known_hosts.read_text() == "kept"


def test_a_session_leaves_no_board(tmp_path):
    board = Board.find("virtual")
    plan = Plan.read(deploy_folder.make(tmp_path / "deploy"))
    with pytest.raises(RuntimeError, match="in the block"), board.session(plan) as target:
        assert target.get_strategy().plan is plan
        assert board.running() is not None
        raise RuntimeError("in the block")
    assert board.running() is None


def test_the_real_boards_environment_is_sound():
    """Every resource and driver in it is known, and the strategy is the virtual board's."""
    board = Board.find("db845c")
    assert not board.virtual and board.compatible == "thundercomm,db845c"
    config = board.load().config.get_targets()["main"]
    virtual = Board.find("virtual").load(must_run=False).config.get_targets()["main"]
    known = target_factory.all_classes
    assert set(config["resources"]) | set(config["drivers"]) <= set(known)
    shared = {"LimitedFastbootDriver", "ShellDriver", "RemoteDriver", "PlayerDriver", "OffloadStrategy"}
    assert shared <= set(config["drivers"]) & set(virtual["drivers"])
    assert config["drivers"]["OffloadStrategy"]["compatible"] == " ".join(HARDWARE)


def test_the_exporters_example_is_what_labgrid_knows():
    example = yaml.safe_load((environment.FOLDER / "fleet" / "exporter.yaml").read_text())
    assert example
    for group in example.values():
        assert set(group) <= set(target_factory.all_classes)
