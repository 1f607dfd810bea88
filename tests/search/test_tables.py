import gzip
import io
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from search.catalogue import TableColumn
from search.errors import DataError
from search.spaces import spaces
from search.tables import Table, preview, read_table

SPACE = spaces["nasbench201"]
ARCHS = [SPACE.encode(SPACE.at(index)) for index in (7, 3, 11)]
ACCURACY = TableColumn(name="accuracy", unit="%")
SECONDS = TableColumn(name="seconds", unit="s", direction="minimize")


def csv_of(rows, header="arch,accuracy,seconds"):
    return "\n".join([header, *rows, ""]).encode()


def good_rows():
    return [f"{arch},{90 + i}.5,{10 * i}" for i, arch in enumerate(ARCHS)]


def read(source, *, arch_column="arch", columns=(ACCURACY, SECONDS), **options):
    return read_table(
        source,
        name="bench",
        space="nasbench201",
        arch_column=arch_column,
        columns=columns,
        **options,
    )


def refusal(source, **options):
    with pytest.raises(DataError) as caught:
        read(source, **options)
    return str(caught.value)


def test_values_are_found_by_arch():
    table = read(csv_of(good_rows()))

    assert table.value(SPACE.at(3), "accuracy") == 91.5
    assert table.value(SPACE.at(11), "seconds") == 20
    assert table.value(SPACE.at(0), "accuracy") is None


def test_rows_in_another_order_are_the_same_table():
    first, second = read(csv_of(good_rows())), read(csv_of(good_rows()[::-1]))

    assert first.info == second.info


def test_a_changed_value_changes_the_digest():
    changed = [good_rows()[0].replace("90.5", "90.6"), *good_rows()[1:]]

    assert read(csv_of(good_rows())).info.digest != read(csv_of(changed)).info.digest


def test_gzip_and_parquet_hold_the_same_table():
    plain = csv_of(good_rows())
    columns = {
        "arch": ARCHS,
        "accuracy": [90.5, 91.5, 92.5],
        "seconds": [0, 10, 20],
    }
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written)

    infos = [read(source).info for source in (plain, gzip.compress(plain), written.getvalue())]

    assert infos[0] == infos[1] == infos[2]


def test_archs_may_be_given_by_their_number():
    table = read(csv_of(["7,90.5,1", "3,91.5,2"]))

    assert table.value(SPACE.at(7), "accuracy") == 90.5


def test_a_semicolon_file_with_a_byte_order_mark_is_read():
    content = b"\xef\xbb\xbf" + csv_of(good_rows()).replace(b",", b";")

    assert read(content).info.num_archs == 3


def test_bytes_give_back_the_table():
    table = read(csv_of(good_rows()), clock="seconds")

    again = Table.from_bytes(table.to_bytes())

    assert again.info == table.info
    np.testing.assert_array_equal(again.indices, table.indices)
    np.testing.assert_array_equal(again.values["accuracy"], table.values["accuracy"])


def test_the_clock_is_kept_beside_the_values():
    table = read(csv_of(good_rows()), columns=[ACCURACY], clock="seconds")

    assert table.info.clock == "seconds"
    assert table.lookup("seconds")(11) == 20


def test_foreign_bytes_are_no_stored_table():
    with pytest.raises(DataError, match="import it again"):
        Table.from_bytes(b"something else")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (f"{ARCHS[0]},1,2", "row 5 (the header is row 1), column 'arch': the same architecture"),
        ("|none~0|,1,2", "row 5 (the header is row 1), column 'arch': no architecture"),
        (",1,2", "row 5 (the header is row 1), column 'arch': the cell is empty"),
        (f"{SPACE.encode(SPACE.at(0))},,2", "column 'accuracy': the cell is empty"),
        (f"{SPACE.encode(SPACE.at(0))},high,2", "column 'accuracy': 'high' is not a number"),
        (f"{SPACE.encode(SPACE.at(0))},inf,2", "column 'accuracy': 'inf' is not a finite number"),
        (f"{SPACE.encode(SPACE.at(0))},nan,2", "column 'accuracy': 'nan' is not a finite number"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_named(row, expected):
    assert expected in refusal(csv_of([*good_rows(), row]))


@pytest.mark.parametrize("cell", ["", "nan", "inf", "-inf"])
def test_a_column_may_be_allowed_to_have_no_value_for_some_archs(cell):
    partial = ACCURACY.model_copy(update={"may_be_undefined": True})
    row = f"{SPACE.encode(SPACE.at(0))},{cell},2"

    table = Table.from_bytes(read(csv_of([*good_rows(), row]), columns=[partial]).to_bytes())

    assert math.isnan(table.value(SPACE.at(0), "accuracy"))
    assert table.value(SPACE.at(3), "accuracy") == 91.5


def test_a_word_is_no_undefined_value():
    partial = ACCURACY.model_copy(update={"may_be_undefined": True})
    row = f"{SPACE.encode(SPACE.at(0))},high,2"

    assert "'high' is not a number" in refusal(csv_of([*good_rows(), row]), columns=[partial])


def test_a_number_outside_the_space_is_named():
    assert "row 3" in refusal(csv_of(["7,1,2", "15625,1,2"]))


def test_a_row_with_missing_cells_is_named():
    assert "#3" in refusal(csv_of([good_rows()[0], "x,1"]))


def test_a_clock_that_runs_backwards_is_named():
    rows = [good_rows()[0], f"{ARCHS[1]},1,-2"]

    assert "row 3" in refusal(csv_of(rows), clock="seconds")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"arch,accuracy,seconds\n", "has no rows"),
        (b"\xff\xfe\x00\x01\n\x02", "neither CSV in UTF-8"),
        (b"PAR1 and nothing more", "not a whole Parquet file"),
        (gzip.compress(csv_of(good_rows()))[:-12], "cut off"),
        (b"a,a\n1,2\n", "several columns named a"),
        (b"arch,other\nx,1\n", "has no column 'accuracy'"),
    ],
)
def test_a_broken_file_is_refused(content, expected):
    assert expected in refusal(content)


def test_what_is_called_parquet_is_not_told_to_be_csv():
    with pytest.raises(DataError, match=r"some\.parquet is not a whole Parquet file"):
        preview(b"arch,accuracy\n1,2\n", "some.parquet")


def test_a_missing_file_is_named(tmp_path):
    assert "no.csv cannot be read" in refusal(tmp_path / "no.csv")


def test_an_unknown_column_lists_the_known_ones():
    with pytest.raises(DataError, match="it has: accuracy, seconds"):
        read(csv_of(good_rows())).lookup("size")


def test_the_preview_guesses_what_columns_mean():
    seen = preview(csv_of(good_rows(), "arch,cifar10_valid,train_time_s"), "bench.csv")

    assert (seen.guess.space, seen.guess.arch_column) == ("nasbench201", "arch")
    assert seen.guess.columns == (
        TableColumn(name="cifar10_valid", unit="%", direction="maximize", dataset="cifar10"),
        TableColumn(name="train_time_s", unit="s", direction="minimize"),
    )
    assert seen.guess.clock == "train_time_s"


def test_the_preview_guesses_that_a_column_with_empty_cells_may_be_undefined():
    seen = preview(b"index,epsinas\n0,0.5\n1,\n", "proxies.csv")

    assert seen.guess.columns == (TableColumn(name="epsinas", may_be_undefined=True),)


@pytest.mark.parametrize(
    ("column", "file", "dataset"),
    [
        ("cifar100_test", "nb.csv", "cifar100"),
        ("imagenet16_test", "of_cifar10.csv", "imagenet16"),
        ("test_acc", "macro_cifar10.csv", "cifar10"),
        ("params", "macro_cifar10.csv", ""),
        ("test_acc", "nb.csv", ""),
    ],
)
def test_the_preview_guesses_the_data_by_names(column, file, dataset):
    seen = preview(f"index,{column}\n0,50\n".encode(), file)

    assert [one.dataset for one in seen.guess.columns] == [dataset]


def test_the_preview_shows_cells_as_they_stand():
    seen = preview(b"arch,a\n00000001,1.50\n", "macro.csv")

    assert seen.columns == ("arch", "a")
    assert seen.rows == (("00000001", "1.50"),)
    assert seen.num_rows == 1


def test_a_file_named_after_a_unit_gives_it_to_its_columns():
    seen = preview(b"index,pixel3\n0,1.5\n", "nb201_latency_ms.csv.gz")

    assert seen.guess.columns == (TableColumn(name="pixel3", unit="ms", direction="minimize"),)
