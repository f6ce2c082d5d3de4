"""A network service that has floating IPs and nothing else: fake_neutron.py PORT STATE LOG

STATE is a file of JSON, read for every question:
  {"mode": "fine", "ips": {"PREFIX": [{"id": ..., "floating_ip_address": ..., "project_id": ...}, ...]}, "page": 500}
PREFIX is the first step of the path, one for each region. Modes: fine; broken (500); busy (503); hang (no answer);
nonsense (200 without a list). LOG gets a line per question: its path and whether a token came with it.
"""

import json
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, state_file, log_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
lock = threading.Lock()


class Neutron(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        with lock, open(log_file, "a", encoding="utf-8") as log:
            log.write(f"{self.path} {'with' if self.headers.get('X-Auth-Token') else 'without'} token\n")
        with open(state_file, encoding="utf-8") as file:
            state = json.load(file)
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

        def wanted(name, item):
            return name not in query or item[name] in query[name]

        found = [ip for ip in state["ips"].get(steps[0], []) if wanted("id", ip) and wanted("project_id", ip)]
        found.sort(key=lambda ip: ip["id"])
        if "marker" in query:
            found = [ip for ip in found if ip["id"] > query["marker"][0]]
        most = min(int(query.get("limit", ["1000"])[0]), state.get("page", 500))
        body = {"floatingips": found[:most]}
        if len(found) > most:
            body["floatingips_links"] = [{"rel": "next", "href": "http://127.0.0.1:1/elsewhere"}]
        self.answer(200, body)


ThreadingHTTPServer(("127.0.0.1", port), Neutron).serve_forever()
