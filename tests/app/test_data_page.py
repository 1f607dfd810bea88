"""Importing a benchmark in the browser: what is shown, refused and stored."""

import pytest

from db import benchmarks
from db.session import reading
from search.catalogue import TableInfo
from search.tables import Table
from tests.app.conftest import words

CSV = b"index,cifar10_test,epsinas,train_time_s\n0,91.5,0.4,10\n1,90.5,,20\n2,88.0,0.2,30\n"


def uploaded(page, content, name="some.bench.csv"):
    page.file_uploader[0].set_value((name, content, "text/csv"))
    return page.run()


def imported():
    with reading() as session:
        return [TableInfo.model_validate(b.info) for b in benchmarks.benchmarks(session)]


def test_a_file_is_shown_with_what_its_columns_may_mean(with_worker, open_page):
    page = uploaded(open_page("data"), CSV)

    fields = {field.label: field.value for field in (*page.text_input, *page.selectbox)}
    assert "3 rows" in words(page)
    assert (fields["Name"], fields["Architectures are in"]) == ("some", "index")
    assert fields["Clock"] == "train_time_s"
    assert not page.exception


def test_a_file_is_imported(with_worker, open_page):
    page = uploaded(open_page("data"), CSV)
    next(s for s in page.selectbox if s.label == "Space").set_value("nasbench201").run()

    page.button(key="import").click().run()

    (info,) = imported()
    assert (info.name, info.space, info.num_archs) == ("some", "nasbench201", 3)
    assert [c.name for c in info.columns if c.may_be_undefined] == ["epsinas"]
    assert "Imported some" in words(page)
    assert page.file_uploader[0].value is None
    with reading() as session:
        table = Table.from_bytes(benchmarks.benchmark_content(session, "some"))
    assert str(table.values["epsinas"].tolist()) == "[0.4, nan, 0.2]"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\x1f\x8bbroken", "gzip"),
        (b"a,a\n1,2\n", "several columns named a"),
        (b"PAR1 nonsense", "Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(with_worker, open_page, content, message):
    page = uploaded(open_page("data"), content)

    assert message in page.error[0].value
    assert not page.exception


def test_a_wrong_cell_is_named_and_nothing_is_imported(with_worker, open_page):
    page = uploaded(open_page("data"), CSV.replace(b"2,88.0", b"99999,88.0"))
    next(s for s in page.selectbox if s.label == "Space").set_value("nasbench201").run()

    page.button(key="import").click().run()

    assert "row 4" in page.error[0].value
    assert "Nothing was imported" in page.error[0].value
    assert imported() == []


def test_a_name_that_is_taken_is_refused(with_worker, open_page):
    for _ in range(2):
        page = uploaded(open_page("data"), CSV)
        next(s for s in page.selectbox if s.label == "Space").set_value("nasbench201").run()
        page.button(key="import").click().run()

    assert "already" in page.error[0].value
    assert len(imported()) == 1
