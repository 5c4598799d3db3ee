"""Drives the official Python SDK of Huawei Cloud Live against the simulator and checks what it sees.

Starts the simulator program (the only argument), makes every call through the SDK's own client and
signer, and ends with a non-zero exit code at the first deviation.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.auth.internal import OidcStsAccessor, PodIdentityAccessor
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdklive.v1 import (
    CreateRecordCallbackConfigRequest,
    DeleteRecordCallbackConfigRequest,
    ListRecordCallbackConfigsRequest,
    LiveClient,
    RecordCallbackConfigRequest,
    ShowRecordCallbackConfigRequest,
    UpdateRecordCallbackConfigRequest,
)

PROJECT = "0123456789abcdef0123456789abcdef"
ACCESS_KEY = "AKTEST0123456789"
SECRET_KEY = "SKTEST/0123456789+abcdefghijklmnopqrstuv"
SIGN_KEY = "TESTKEY0123456789abcdef0123456789"
DOMAIN = "push.example.com"
MISSING = "e2fe84def7e476651034ec4b9e92bc30"


class Simulator:
    """A running simulator program and its control interface."""

    def __init__(self, program, *arguments):
        credential = f"--credential={ACCESS_KEY}:{SECRET_KEY}:{PROJECT}"
        self.process = subprocess.Popen([program, credential, *arguments], stdout=subprocess.PIPE, text=True)
        started = json.loads(self.process.stdout.readline())
        self.endpoint = started["endpoint"]
        self.iam_endpoint = started["iam_endpoint"]
        self.ca_pem = started["ca_pem"]
        self.control_endpoint = started["control"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control_endpoint + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def check(what, seen, expected):
    if seen != expected:
        sys.exit(f"FAILED: {what}\n  seen:     {seen!r}\n  expected: {expected!r}")
    print(f"ok: {what}")


def client(simulator, access_key=ACCESS_KEY, secret_key=SECRET_KEY, token=None, project=PROJECT, config=None):
    credentials = BasicCredentials(access_key, secret_key, project).with_security_token(token)
    credentials.with_iam_endpoint(simulator.iam_endpoint)
    return built(simulator, credentials, config)


def built(simulator, credentials, config=None):
    region = Region("cn-north-4", simulator.endpoint)
    config = config or HttpConfig.get_default_config()
    return LiveClient.new_builder().with_credentials(credentials).with_http_config(config).with_region(region).build()


def body(app="*", **changes):
    fields = {
        "publish_domain": DOMAIN,
        "app": app,
        "notify_callback_url": "https://hooks.example.com/record",
        "notify_event_subscription": ["RECORD_NEW_FILE_START", "RECORD_FILE_COMPLETE"],
        "sign_type": "HMACSHA256",
        "key": SIGN_KEY,
    }
    return RecordCallbackConfigRequest(**{**fields, **changes})


def create(live, **changes):
    return live.create_record_callback_config(CreateRecordCallbackConfigRequest(body=body(**changes)))


def listed(live, **query):
    return live.list_record_callback_configs(ListRecordCallbackConfigsRequest(**query))


def refusal(what, call, status, code, message):
    """The call must fail with this status, code and message, and name its request id."""
    try:
        call()
    except ServiceResponseException as error:
        seen = (error.status_code, error.error_code, message in error.error_msg, bool(error.request_id))
        check(f"{what}: {status} {code}", seen, (status, code, True, True))
    else:
        sys.exit(f"FAILED: {what} was accepted")


def life_of_a_callback(simulator):
    live = client(simulator)
    created = create(live)
    check("create answers 201 with the callback", (created.publish_domain, created.app), (DOMAIN, "*"))
    check("the id has 32 digits", len(created.id), 32)
    page = listed(live, publish_domain=DOMAIN, app="*", offset=0, limit=100)
    check("list finds it", (page.total, page.callback_config[0].id), (1, created.id))
    shown = live.show_record_callback_config(ShowRecordCallbackConfigRequest(id=created.id))
    check("show returns what was sent", shown.notify_event_subscription, body().notify_event_subscription)
    check("show returns the times", bool(shown.create_time and shown.update_time), True)
    changed = body(sign_type="MD5", notify_event_subscription=["RECORD_OVER"])
    request = UpdateRecordCallbackConfigRequest(id=created.id, body=changed)
    updated = live.update_record_callback_config(request)
    check("update answers with the new values", (updated.sign_type, updated.notify_event_subscription), ("MD5", ["RECORD_OVER"]))
    check("the simulator holds them", simulator.control("GET", "/rows")[0]["sign_type"], "MD5")
    live.delete_record_callback_config(DeleteRecordCallbackConfigRequest(id=created.id))
    check("delete removes it", simulator.control("GET", "/rows"), [])
    odd = listed(live, publish_domain="a-b.example.com", app="~live.-_*+/ü中")
    check("every character of a query is signed alike", odd.total, 0)
    utf8 = create(live, app="直播")
    check("a body that is not ASCII is signed alike", utf8.app, "直播")


def errors(simulator):
    live = client(simulator)
    create(live)
    refusal("a duplicate", lambda: create(live), 400, "LIVE.103011018", "already exists")
    bad = {"notify_callback_url": "https://hooks.example.com/?a=b"}
    refusal("a bad parameter", lambda: create(live, app="a", **bad), 400, "LIVE.100011001", "Request Illegal")
    show = ShowRecordCallbackConfigRequest(id=MISSING)
    refusal("show of nothing", lambda: live.show_record_callback_config(show), 404, "LIVE.100011001", "")
    delete = DeleteRecordCallbackConfigRequest(id=MISSING)
    refusal("delete of nothing", lambda: live.delete_record_callback_config(delete), 404, "LIVE.103011019", "not exist")
    update = UpdateRecordCallbackConfigRequest(id=MISSING, body=body())
    refusal("update of nothing", lambda: live.update_record_callback_config(update), 404, "LIVE.103011019", "not exist")
    wrong = client(simulator, secret_key="SKWRONG")
    refusal("a wrong signature", lambda: listed(wrong), 401, "APIG.0301", "verify aksk signature fail")
    unknown = client(simulator, access_key="AKUNKNOWN")
    refusal("an unknown access key", lambda: listed(unknown), 401, "APIG.0301", "Get secretKey failed")
    other = client(simulator, project="ffffffffffffffffffffffffffffffff")
    refusal("another project", lambda: listed(other), 401, "LIVE.100011015", "Project ID verification failed")
    simulator.control("PUT", "/settings", {"calls_per_minute": 1})
    # For a GET the SDK's retry layer swallows the body of a 429; for a POST it hands it on.
    threshold = "over ratelimit,limit:1,time:1 minute"
    refusal("too many calls", lambda: create(live, app="b"), 429, "APIG.0308", threshold)
    simulator.control("PUT", "/settings", {"calls_per_minute": 300, "clock_offset_s": 1200})
    refusal("a clock that is off", lambda: listed(live), 401, "APIG.0303", "expired")
    simulator.control("PUT", "/settings", {"clock_offset_s": 0, "concurrent_calls": 0})
    refusal("too many calls at once", lambda: listed(live), 500, "LIVE.100011007", "concurrent")
    simulator.control("PUT", "/settings", {"concurrent_calls": None})


def credentials(simulator):
    found = client(simulator, project=None)
    check("the project is looked up by the region's name", listed(found).total >= 0, True)
    rights = {"user": "workload", "projects": [{"id": PROJECT, "name": "cn-north-4"}]}
    temporary = {"access_key": "AKTEMPORARY", "secret_key": "SKTEMPORARY", "security_token": "TESTTOKEN"}
    simulator.control("POST", "/credentials", {**temporary, "rights": rights})
    with_token = client(simulator, "AKTEMPORARY", "SKTEMPORARY", "TESTTOKEN")
    check("a temporary key with its token is accepted", listed(with_token).total >= 0, True)
    without = client(simulator, "AKTEMPORARY", "SKTEMPORARY")
    refusal("a temporary key alone", lambda: listed(without), 401, "APIG.0301", "security token")

    workload = {"rights": rights, "idp_id": "test-idp", "id_token": "TESTIDTOKEN", "pod_token": "TESTPODTOKEN", "metadata": "NoAgency"}
    simulator.control("PUT", "/workload", workload)
    by_oidc = BasicCredentials(project_id=PROJECT).with_sts_endpoint(simulator.iam_endpoint)
    by_oidc.sts_accessor = OidcStsAccessor("test-provider", "test-agency", "TESTIDTOKEN", "test-session")
    check("an identity token buys a temporary key", listed(built(simulator, by_oidc)).total >= 0, True)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("TESTIDTOKEN\n")
        file.flush()
        federated = BasicCredentials(project_id=PROJECT).with_iam_endpoint(simulator.iam_endpoint)
        federated.with_idp_id("test-idp").with_id_token_file(file.name)
        check("IAM federation gives a temporary key", listed(built(simulator, federated)).total >= 0, True)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("TESTPODTOKEN\n")
        file.flush()
        by_pod = BasicCredentials(project_id=PROJECT)
        by_pod.sts_accessor = PodIdentityAccessor(simulator.iam_endpoint + "/pod-identity/credentials", file.name)
        check("pod identity gives a temporary key", listed(built(simulator, by_pod)).total >= 0, True)


def tls(simulator):
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(simulator.ca_pem)
        file.flush()
        config = HttpConfig.get_default_config()
        config.ssl_ca_cert = file.name
        live = client(simulator, config=config)
        check("create over TLS", create(live).app, "*")
        check("list over TLS", listed(live).total, 1)


def main():
    program = os.path.abspath(sys.argv[1])
    with Simulator(program) as simulator:
        life_of_a_callback(simulator)
        errors(simulator)
        credentials(simulator)
    with Simulator(program, "--tls") as simulator:
        tls(simulator)
    print("The official SDK and the simulator agree.")


if __name__ == "__main__":
    main()
