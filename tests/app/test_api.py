import csv
import io
import json

import pytest
import yaml
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from app import api
from app.guard import LOOPBACK_NAMES, Guard, content_policy
from db import jobs, trials
from db.session import reading
from search.spaces import spaces
from tests.app import filling
from tests.app.asking import BASE, Client
from workers import queue

SPEC = {
    "name": "by the API",
    "space": {"name": "nasbench201"},
    "objectives": ["nwot", "macs"],
    "strategy": {"name": "random"},
    "budget": {"trials": 10},
}


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(queue, "send", lambda job_id, name: True)
    guard = Middleware(Guard, hosts=LOOPBACK_NAMES, policy=content_policy())
    routes = [*api.plain_routes(), Mount("/api", api.create_api())]
    return Client(Starlette(routes=routes, middleware=[guard]))


def num_jobs():
    with reading() as session:
        return jobs.num_jobs(session)


def test_jobs_are_filtered_and_paged(ids, client):
    found = client.get(
        "/api/jobs", params={"state": ["failed", "succeeded"], "per_page": 2}
    ).json()

    assert found["total"] == 3
    assert len(found["jobs"]) == 2


def test_a_job_has_spec_and_history(ids, client):
    found = client.get(f"/api/jobs/{ids['succeeded']}").json()

    assert found["spec"]["name"] == "NB201 digits sweep"
    assert [step["state"] for step in found["history"]] == ["queued", "running", "succeeded"]


def test_a_waiting_job_has_its_place(ids, client):
    assert client.get(f"/api/jobs/{ids['queued']}").json()["queue_position"] == 3


@pytest.mark.parametrize("path", ["jobs/4711", "jobs/4711/trials", "jobs/4711/log", "archs/x"])
def test_what_is_not_there_is_said(ids, client, path):
    answer = client.get(f"/api/{path}")

    assert answer.status_code in (404, 200)
    assert answer.status_code == 404 or answer.json()["total"] == 0


def test_json_is_submitted(with_worker, client):
    answer = client.post("/api/jobs", json=SPEC)

    assert answer.status_code == 201
    assert num_jobs() == 1


def test_yaml_is_submitted(with_worker, client):
    answer = client.post("/api/jobs", content=yaml.safe_dump({**SPEC, "seeds": 3}))

    assert len(answer.json()["jobs"]) == 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"objectives": ["nobody"]}, "objectives.0.metric"),
        ({"objectives": ["nwot", "nwot"]}, "objectives"),
        ({"budget": {}}, "budget"),
        ({"budget": {"trials": 0}}, "budget.trials"),
        (
            {"strategy": {"name": "nsga2", "params": {"population": 1}}},
            "strategy.params.population",
        ),
        ({"data": {"name": "cifar10"}}, "data.name"),
        ({"version": 99}, "version"),
        ({"device": "gpu"}, "device"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_spec_is_refused_by_field(with_worker, client, change, field):
    answer = client.post("/api/jobs", json={**SPEC, **change})

    assert answer.status_code == 422
    assert any(path.startswith(field) for path in answer.json()["fields"])
    assert num_jobs() == 0


def test_faults_of_every_stage_are_told_at_once(with_worker, client):
    wrong = {"objectives": ["nobody"], "budget": {"trials": 0}}

    answer = client.post("/api/jobs", json={**SPEC, **wrong})

    assert set(answer.json()["fields"]) == {"objectives.0.metric", "budget.trials"}


@pytest.mark.parametrize("body", [b"", b"[1", b"name: [", b"\xff\xfe", b"- a\n- b"])
def test_what_is_no_spec_is_refused(with_worker, client, body):
    assert client.post("/api/jobs", content=body).status_code == 422


def test_an_endless_spec_is_refused(with_worker, client):
    answer = client.post("/api/jobs", content=b"a" * (api.MAX_BODY_MB * 2**20 + 1))

    assert answer.status_code == 422


def test_without_a_worker_nothing_is_queued(empty, client):
    answer = client.post("/api/jobs", json=SPEC)

    assert answer.status_code == 422
    assert "archfront worker" in answer.json()["detail"]


def test_a_clone_takes_changes(ids, client):
    answer = client.post(f"/api/jobs/{ids['succeeded']}/clone", json={"seed": 5})

    with reading() as session:
        cloned = jobs.job(session, answer.json()["jobs"][0])
    assert (cloned.seed, cloned.cloned_from) == (5, ids["succeeded"])


@pytest.mark.parametrize(
    ("action", "state", "after"),
    [
        ("cancel", "queued", "cancelled"),
        ("cancel", "running", "cancelling"),
        ("pause", "running", "pausing"),
        ("resume", "paused", "queued"),
        ("retry", "failed", "queued"),
    ],
)
def test_a_job_is_moved(ids, client, action, state, after):
    answer = client.post(f"/api/jobs/{ids[state]}/{action}")

    assert answer.json() == {"id": ids[state], "state": after}


def test_a_move_that_is_not_open_is_refused(ids, client):
    answer = client.post(f"/api/jobs/{ids['succeeded']}/cancel")

    assert answer.status_code == 409
    assert "is succeeded" in answer.json()["detail"]


def test_an_unknown_action_is_refused(ids, client):
    assert client.post(f"/api/jobs/{ids['queued']}/explode").status_code == 422


def test_trials_are_sorted_with_missing_values_last(ids, client):
    path = f"/api/jobs/{ids['succeeded']}/trials"

    first = client.get(path, params={"sort": "nwot", "descending": True, "per_page": 5}).json()
    last = client.get(path, params={"sort": "nwot", "page": 18}).json()

    values = [trial["scores"]["nwot"]["value"] for trial in first["trials"]]
    assert values == sorted(values, reverse=True)
    assert last["trials"][-1]["scores"]["nwot"]["value"] is None


def test_trials_tell_architectures_as_csv_and_specs_do(ids, client):
    path, space = f"/api/jobs/{ids['succeeded']}/trials", spaces[filling.SPACE]

    (first,) = client.get(path, params={"per_page": 1}).json()["trials"]

    row = next(csv.DictReader(io.StringIO(client.get(f"{path}.csv").text)))
    assert first["arch"] == row["arch"] == space.encode(space.decode(row["arch"]))


def test_trials_are_found_by_an_architecture_as_it_is_told(ids, client):
    path = f"/api/jobs/{ids['succeeded']}/trials"
    (first,) = client.get(path, params={"per_page": 1}).json()["trials"]

    found = client.get(path, params={"arch": first["arch"]}).json()

    assert {trial["arch_id"] for trial in found["trials"]} == {first["arch_id"]}


def test_trials_are_filtered_by_conditions(ids, client):
    found = client.get(
        f"/api/jobs/{ids['succeeded']}/trials", params={"where": "macs<=2e7", "state": "done"}
    ).json()

    assert 0 < found["total"] < 900
    assert all(trial["scores"]["macs"]["value"] <= 2e7 for trial in found["trials"])


@pytest.mark.parametrize(
    "query", [{"sort": "no"}, {"where": "1=1"}, {"state": "gone"}, {"page": 0}, {"per_page": 5000}]
)
def test_a_wrong_question_is_refused(ids, client, query):
    answer = client.get(f"/api/jobs/{ids['succeeded']}/trials", params=query)

    assert answer.status_code == 422
    assert answer.json()["fields"]


def test_the_front_is_not_dominated(ids, client):
    found = client.get(f"/api/jobs/{ids['succeeded']}/front").json()

    values = [point["y"] for point in found["front"]]
    assert found["x"]["name"] == "macs"
    assert values == sorted(values)


def test_every_trial_is_in_the_csv(ids, client):
    answer = client.get(f"/api/jobs/{ids['succeeded']}/trials.csv")

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 900
    assert rows[7]["nwot status"] == "undefined"


def test_every_trial_is_in_the_json(ids, client):
    answer = client.get(f"/api/jobs/{ids['succeeded']}/trials.json")

    assert len(json.loads(answer.text)["trials"]) == 900


def arch_of(ids):
    with reading() as session:
        return trials.trial(session, ids["succeeded"], 0).arch_id


def test_an_architecture_is_exported_as_genotype(ids, client):
    answer = client.get(f"/api/archs/{arch_of(ids)}/genotype.json")

    assert answer.json()["space"] == "nasbench201"
    assert "attachment" in answer.headers["content-disposition"]


def test_an_architecture_is_exported_as_code(ids, client):
    answer = client.get(f"/api/archs/{arch_of(ids)}/code.py")

    compile(answer.text, "code.py", "exec")
    assert "import torch" in answer.text


def test_an_architecture_knows_its_scores(ids, client):
    found = client.get(f"/api/archs/{arch_of(ids)}").json()

    assert {score["objective"] for score in found["scores"]} >= {"nwot", "macs"}


def test_the_catalogue_is_what_workers_offer(with_worker, client):
    names = {plugin["name"] for plugin in client.get("/api/catalogue").json()["plugins"]}

    assert names >= set(filling.MEASURES)


def test_the_log_is_told_from_a_line_on(ids, client):
    path = f"/api/jobs/{ids['succeeded']}/log"

    assert client.get(path).json()[0]["message"] == "900 trials <b>so far</b>"
    (last,) = client.get(path, params={"after": 1}).json()
    assert "were recalled from earlier searches" in last["message"]
    assert client.get(path, params={"after": 2}).json() == []


def test_health_needs_the_database(ids, client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_metrics_count_jobs_by_state(ids, client):
    assert 'archfront_jobs{state="succeeded"} 2' in client.get("/metrics").text


def test_the_contents_need_nothing_from_elsewhere(ids, client):
    page = client.get("/api/").text

    assert "/api/jobs/{job_id}/trials" in page
    assert "http" not in page.replace("HTTP", "")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
def test_changes_from_other_sites_are_refused(ids, client, method, headers):
    answer = client.request(method, f"/api/jobs/{ids['queued']}/cancel", headers=headers)

    assert answer.status_code == 403
    with reading() as session:
        assert jobs.job(session, ids["queued"]).state == "queued"


def test_changes_from_the_same_site_are_welcome(ids, client):
    headers = {"origin": BASE, "sec-fetch-site": "same-origin"}

    assert client.post(f"/api/jobs/{ids['queued']}/cancel", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[", "localhost@x"]
)
def test_other_host_names_are_refused(ids, client, host):
    assert client.get("/api/jobs", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:1", "[::1]:8501"])
def test_names_of_this_machine_are_served(ids, client, host):
    assert client.get("/api/jobs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/api/jobs", "/api/nothing"])
def test_every_answer_has_safe_headers(ids, client, path):
    headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
