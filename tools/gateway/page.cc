#include "tools/gateway/page.h"

namespace once::gateway {

namespace {

// What the gateway is told by others is put in by textContent only.
constexpr char kPage[] = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Once event gateway</title>
<meta name="viewport" content="width=device-width">
<style>
 body { font: 15px/1.4 system-ui, sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem; }
 textarea { width: 100%; height: 11rem; font: 13px monospace; box-sizing: border-box; }
 pre { background: #f4f4f4; padding: .6rem; overflow: auto; max-height: 24rem; white-space: pre-wrap; }
 fieldset { margin: 0 0 1rem; border: 1px solid #bbb; } label { margin-right: .8rem; } button { margin: .2rem; }
</style></head><body>
<h1>Once event gateway</h1>
<p>All that is here is described in <a href="/openapi.json">/openapi.json</a>; <a href="/health">/health</a>,
<a href="/metrics">/metrics</a>.</p>
<fieldset><legend>Access</legend><label>Token <input id="token" type="password" autocomplete="off" size="40"></label>
<button id="types">Types</button> <button id="status">Status</button></fieldset>
<fieldset><legend>Write</legend>
<textarea id="body" spellcheck="false">{"events": [{"topic": "orders", "key": "alice", "value_text": "hello"}]}</textarea>
<label>Idempotency-Key <input id="key" size="30"></label><button id="transaction">Transaction</button><br>
<label>Transaction <input id="id" size="44"></label>
<button id="begin">Begin</button><button id="send">Send</button><button id="commit">Commit</button>
<button id="abort">Abort</button></fieldset>
<fieldset><legend>Read</legend><label>Topic <input id="topic" value="orders"></label>
<label>Count <input id="count" value="10" size="4"></label>
<label><input id="uncommitted" type="checkbox"> uncommitted and aborted, too</label>
<button id="messages">Messages</button><button id="follow">Follow</button><button id="stop">Stop</button></fieldset>
<pre id="out"></pre>
<script>
"use strict";
const at = id => document.getElementById(id);
const show = text => { at("out").textContent = text; };
let following = null;
function headers() {
  const token = at("token").value.trim();
  return token ? {"Authorization": "Bearer " + token} : {};
}
async function ask(method, path, body) {
  const options = {method, headers: headers()};
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    if (at("key").value) options.headers["Idempotency-Key"] = at("key").value;
    options.body = typeof body === "string" ? body : JSON.stringify(body);
  }
  try {
    const answer = await fetch(path, options);
    const text = await answer.text();
    let json = null;
    try { json = JSON.parse(text); } catch (e) { /* Shown as it is. */ }
    show(answer.status + (answer.headers.get("Idempotency-Replayed") ? " (replayed)" : "") + "\n" +
         (json ? JSON.stringify(json, null, 1) : text));
    return json || {};
  } catch (e) { show(String(e)); return {}; }
}
const query = extra => "?" + new URLSearchParams(Object.assign({topic: at("topic").value,
    isolation: at("uncommitted").checked ? "read_uncommitted" : "read_committed"}, extra));
at("types").onclick = () => ask("GET", "/api/v1/types");
at("status").onclick = () => ask("GET", "/api/v1/consumer/status");
at("transaction").onclick = () => ask("POST", "/api/v1/producer/transaction", at("body").value);
at("begin").onclick = async () => {
  const begun = await ask("POST", "/api/v1/producer/begin", {});
  if (begun.transaction_id) at("id").value = begun.transaction_id;
};
at("send").onclick = () => {
  try {
    const body = JSON.parse(at("body").value);
    body.transaction_id = at("id").value;
    ask("POST", "/api/v1/producer/send", body);
  } catch (e) { show(String(e)); }
};
for (const end of ["commit", "abort"])
  at(end).onclick = () => ask("POST", "/api/v1/producer/" + end, {transaction_id: at("id").value});
at("messages").onclick = () => ask("GET", "/api/v1/consumer/messages" + query({count: at("count").value}));
at("stop").onclick = () => { if (following) following.abort(); };
at("follow").onclick = async () => {
  if (following) following.abort();
  following = new AbortController();
  show("");
  try {
    const answer = await fetch("/api/v1/consumer/follow" + query({}), {headers: headers(), signal: following.signal});
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const part = await reader.read();
      if (part.done) break;
      show((at("out").textContent + part.value).slice(-20000));
    }
  } catch (e) { at("out").textContent += "\n" + e; }
};
</script></body></html>
)html";

}  // namespace

http::Response PageResponse() {
  http::Response response{.content_type = "text/html; charset=utf-8", .body = kPage};
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  return response;
}

}  // namespace once::gateway
