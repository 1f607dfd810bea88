import pytest

from search.check import check
from search.errors import DataError
from search.offer import offer
from search.plugins import use_plugins
from search.spec import parse_submission

OWN_PROXY = '''
"""A proxy of the team's own."""

from search.probe import Probe
from search.proxies import proxies
from search.traits import declares


@proxies.register
@declares(direction="minimize")
def {name}(probe: Probe, /, *, scale: float = 1.0) -> float:
    """Ours."""
    return scale
'''


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return offer(tmp_path_factory.mktemp("data"))


@pytest.fixture
def _restored():
    import search.proxies
    from search.proxies import proxies

    before = list(search.proxies.__path__), dict(proxies)
    yield
    search.proxies.__path__[:], proxies._registered = before
    proxies.__dict__.pop("_plugins", None)


def own_proxy(plugin_dir, name, text=OWN_PROXY):
    folder = plugin_dir / "proxies"
    folder.mkdir(parents=True)
    (folder / f"{name}.py").write_text(text.format(name=name))
    return plugin_dir


def test_every_plugin_says_in_a_line_what_it_is(catalogue):
    assert [plugin.name for plugin in catalogue.plugins if not plugin.summary] == []


def test_the_offer_passes_through_json(catalogue):
    assert type(catalogue).model_validate_json(catalogue.model_dump_json()) == catalogue


def test_what_is_offered_can_be_submitted(catalogue):
    metrics = [p.name for p in catalogue.plugins if p.kind in ("proxy", "cost")]
    submission = parse_submission(
        {
            "name": "all",
            "space": {"name": "nasbench201"},
            "objectives": metrics,
            "strategy": {"name": "random"},
            "budget": {"trials": 1},
        }
    )

    assert check(submission, catalogue) is None


def test_data_sets_say_whether_they_are_there(catalogue):
    digits, cifar10 = (catalogue.plugin("dataset", name) for name in ("digits", "cifar10"))

    assert digits.traits["available"]
    assert digits.traits["shape"] == [1, 8, 8]
    assert not cifar10.traits["available"]
    assert "put" in cifar10.traits["reason"]


def test_the_processor_is_offered(catalogue):
    assert "cpu" in {device.type for device in catalogue.devices}


@pytest.mark.usefixtures("_restored")
def test_a_teams_own_plugin_is_offered_too(tmp_path):
    found = offer(tmp_path, own_proxy(tmp_path, "ours_one")).plugin("proxy", "ours_one")

    assert found.summary == "Ours."
    assert list(found.parameters["properties"]) == ["scale"]


@pytest.mark.usefixtures("_restored")
def test_a_plugin_that_cannot_be_loaded_is_named(tmp_path):
    with pytest.raises(DataError, match=r"ours_two\.py cannot be loaded: NameError"):
        use_plugins(own_proxy(tmp_path, "ours_two", "nonsense"))


@pytest.mark.usefixtures("_restored")
def test_a_plugin_whose_name_is_taken_is_refused(tmp_path):
    with pytest.raises(DataError, match="rename the file"):
        use_plugins(own_proxy(tmp_path, "snip"))


def test_a_missing_plugin_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="no plug-in folder"):
        use_plugins(tmp_path / "nowhere")
