// Shows the OpenAPI description of the interface: operations, their parameters, and the records they take and give.

import "./theme.js";
import { $, make } from "./dom.js";

const answer = await fetch("openapi.json"), told = await answer.json();

function name(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(name).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" or ");
  if (schema.type === "array") return `list of ${name(schema.items ?? { type: "any" }) || "any"}`;
  return schema.type ?? "any";
}

function operation(path, method, one) {
  const taken = one.requestBody?.content?.["application/json"]?.schema, given = one.responses?.["200"]?.content?.["application/json"]?.schema;
  const parameters = (one.parameters ?? []).map((part) => make("tr", {}, make("td", {}, part.name), make("td", {}, `${part.in}, ${name(part.schema)}${part.required ? "" : ", optional"}`)));
  return [make("h2", {}, make("b", {}, `${method.toUpperCase()} `), path), make("p", {}, one.description ?? one.summary), parameters.length ? make("table", {}, ...parameters) : null,
    make("p", {}, [taken && `takes ${name(taken)}`, given && `gives ${name(given)}`].filter(Boolean).join(", "))];
}

function record([title, schema]) {
  const rows = Object.entries(schema.properties ?? {}).map(([field, part]) => make("tr", {}, make("td", {}, field), make("td", {}, name(part))));
  return [make("h2", { id: title }, title), make("p", {}, schema.description ?? ""), make("table", {}, ...rows)];
}

$("docs").replaceChildren(make("h1", {}, told.info.title), make("p", {}, told.info.description), make("p", {}, make("a", { href: "openapi.json" }, "openapi.json"), " · ", make("a", { href: "../" }, "the dashboard")),
  ...Object.entries(told.paths).flatMap(([path, methods]) => Object.entries(methods).flatMap(([method, one]) => operation(path, method, one))).filter(Boolean), ...Object.entries(told.components?.schemas ?? {}).flatMap(record));
