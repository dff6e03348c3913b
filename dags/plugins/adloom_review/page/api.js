// Asks the server. Addresses are relative, so the page works behind a proxy with a path of its own.

const SAID = { 401: "You are logged out. Log in to Airflow again.", 403: "You may look, but not decide. Ask for the right to change the campaign's DAG." };
const tags = new Map(); // address: [ETag, answer]

async function answerOf(response) {
  const content = await response.json().catch(() => ({}));
  if (response.ok) return content;
  throw new Error(SAID[response.status] ?? (typeof content.detail === "string" ? content.detail : `${response.status} ${response.statusText}`));
}

export async function get(path) {
  const [tag, known] = tags.get(path) ?? [];
  const response = await fetch(path, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
  if (response.status === 304) return known;
  const answer = await answerOf(response);
  if (response.headers.has("ETag")) tags.set(path, [response.headers.get("ETag"), answer]);
  return answer;
}

export async function post(path, body) {
  return answerOf(await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
}

export const runPath = (run) => `api/runs/${run.split("/").map(encodeURIComponent).join("/")}`;
export const filePath = (run, ad, kind) => `${runPath(run)}/ads/${ad.key}/${ad.sha256.slice(0, 12)}.${kind}`;

// Airflow's own interface, with the reviewer's own rights there.
const airflow = "../api/v2";

export async function renderAgain(dag, conf) {
  const given = Object.fromEntries(Object.entries(conf).filter(([, value]) => value !== null));
  return post(`${airflow}/dags/${dag}/dagRuns`, { logical_date: null, conf: given });
}

export async function publish(run) {
  const id = run.split("/")[1];
  const found = await get(`${airflow}/dags/~/dagRuns?run_id_pattern=${encodeURIComponent(id.replaceAll("-", "%"))}&limit=100&order_by=-run_after`);
  const match = found.dag_runs.find((one) => one.dag_run_id.replace(/[^A-Za-z0-9._-]+/g, "-") === id);
  if (!match) throw new Error(`Airflow did not make this run. Publish it where it was made: adloom publish ${run}`);
  const wish = { dry_run: false, dag_run_id: match.dag_run_id, task_ids: ["publish"], only_failed: false, reset_dag_runs: true };
  return post(`${airflow}/dags/${encodeURIComponent(match.dag_id)}/clearTaskInstances`, wish);
}
