"""A network service that has floating IPs and nothing else: fake_neutron.py PORT STATE LOG [KEYSTONE]

STATE is a file of JSON, read for every question:
  {"mode": "fine", "ips": {"PREFIX": [{"id": ..., "floating_ip_address": ..., "project_id": ...}, ...]}, "page": 500}
PREFIX is the first step of the path, one for each region. Modes: fine; broken (500); busy (503); hang (no answer);
nonsense (200 without a list). LOG gets a line per question: its path and whether a token came with it.

With KEYSTONE, the address of one (http://host:port/v3), tokens are asked about there: who is no admin sees his own project's
floating IPs only, and they are made and deleted over the API, on networks and subnets that are but names.
With NEUTRON_TLS, a folder with cert.pem and key.pem, in the environment it speaks TLS.
"""

import json
import os
import ssl
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, state_file, log_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
keystone = sys.argv[4] if len(sys.argv) > 4 else None
lock = threading.Lock()


def read():
    with open(state_file, encoding="utf-8") as file:
        return json.load(file)


def write(state):
    with open(state_file, "w", encoding="utf-8") as file:
        json.dump(state, file)


def known(token):
    """What Keystone says of a token, asked with that token itself; None if it is no good."""
    question = urllib.request.Request(f"{keystone}/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token})
    try:
        with urllib.request.urlopen(question, timeout=60) as answer:
            return json.load(answer)["token"]
    except urllib.error.HTTPError:
        return None


class Neutron(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if data:
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        with lock, open(log_file, "a", encoding="utf-8") as log:
            log.write(f"{self.path} {'with' if self.headers.get('X-Auth-Token') else 'without'} token\n")
        with lock:
            state = read()
        mode = state["mode"]
        if mode == "hang":
            threading.Event().wait(60)
            self.close_connection = True
            return
        if mode in ("broken", "busy"):
            self.answer(500 if mode == "broken" else 503, {"NeutronError": {"message": mode}})
            return
        if mode == "nonsense":
            self.answer(200, {"floatingips": [{"id": "x"}]})
            return
        url = urllib.parse.urlsplit(self.path)
        steps = url.path.strip("/").split("/")
        if len(steps) != 3 or steps[1:] != ["v2.0", "floatingips"]:
            self.answer(404, {})
            return
        query = urllib.parse.parse_qs(url.query)
        only = None
        if keystone:
            token = self.caller()
            if token is None:
                return
            if all(role["name"] != "admin" for role in token.get("roles", [])):
                only = token["project"]["id"]

        def wanted(name, item):
            return (name not in query or item[name] in query[name]) and only in (None, item["project_id"])

        found = [ip for ip in state["ips"].get(steps[0], []) if wanted("id", ip) and wanted("project_id", ip)]
        found.sort(key=lambda ip: ip["id"])
        if "marker" in query:
            found = [ip for ip in found if ip["id"] > query["marker"][0]]
        most = min(int(query.get("limit", ["1000"])[0]), state.get("page", 500))
        body = {"floatingips": found[:most]}
        if len(found) > most:
            body["floatingips_links"] = [{"rel": "next", "href": "http://127.0.0.1:1/elsewhere"}]
        self.answer(200, body)

    def caller(self):
        """The caller's token; whoever has none is answered."""
        token = known(self.headers.get("X-Auth-Token") or "none")
        if token is None:
            self.answer(401, {"error": {"code": 401}})
        return token

    def change(self):
        """Region, kind and id of what is to be changed, the body, and the caller; whoever may not is answered."""
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        steps = urllib.parse.urlsplit(self.path).path.strip("/").split("/")
        if keystone is None or len(steps) not in (3, 4) or steps[1] != "v2.0":
            self.answer(404, {})
            return None
        token = self.caller()
        if token is None:
            return None
        return steps[0], steps[2], steps[3] if len(steps) == 4 else None, body, token["project"]["id"]

    def do_POST(self):
        asked = self.change()
        if asked is None:
            return
        region, kind, _, body, project = asked
        item = {**body.get(kind[:-1], {}), "id": str(uuid.uuid4()), "project_id": project, "tenant_id": project}
        if kind == "floatingips":
            with lock:
                state = read()
                held = state["ips"].setdefault(region, [])
                taken = {ip["floating_ip_address"] for ip in held}
                item["floating_ip_address"] = next(
                    address for address in (f"198.51.100.{n}" for n in range(10, 201)) if address not in taken
                )
                held.append(item)
                write(state)
        self.answer(201, {kind[:-1]: item})

    def do_DELETE(self):
        asked = self.change()
        if asked is None:
            return
        region, kind, which, _, project = asked
        with lock:
            state = read()
            held = state["ips"].get(region, [])
            left = [ip for ip in held if (ip["id"], ip["project_id"]) != (which, project)]
            state["ips"][region] = left
            write(state)
        if kind == "floatingips" and len(left) == len(held):
            self.answer(404, {})
        else:
            self.answer(204, None)


server = ThreadingHTTPServer(("127.0.0.1", port), Neutron)
if "NEUTRON_TLS" in os.environ:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = os.environ["NEUTRON_TLS"]
    tls.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    # Whoever breaks the handshake off must not keep the others waiting.
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
