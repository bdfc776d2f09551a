"""The generated code that is committed is what the protos say."""

from pathlib import Path

from support.protos import GENERATED, differences, generate


def test_generated_code_equals_its_protos(tmp_path: Path) -> None:
    generate(tmp_path)
    assert differences(tmp_path / "tumorcast", GENERATED) == []


def test_a_changed_file_would_be_seen(tmp_path: Path) -> None:
    generate(tmp_path)
    stub = tmp_path / "tumorcast" / "common" / "v1" / "snapshot_pb2.pyi"
    stub.write_text(stub.read_text() + "\n# edited\n")
    assert differences(tmp_path / "tumorcast", GENERATED) == ["common/v1/snapshot_pb2.pyi"]
