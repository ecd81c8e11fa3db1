"use strict";

// What is shown of a model with many labels.
const MOST = 10;
const byId = (id) => document.getElementById(id);
let model = null;

function element(kind, name, text) {
  const made = document.createElement(kind);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

async function get(path, body) {
  let response;
  try {
    response = await fetch(path, body && { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    if (response.ok) throw new Error("The server's answer cannot be read.");
  }
  if (response.ok) return answer;
  if (response.status === 429) throw new Error("The server is busy. Try again in a moment.");
  if (response.status === 504) throw new Error("The server took too long. Try again, or with a shorter text.");
  throw new Error(answer.error ? `The server refused: ${answer.error}` : `The server failed (${response.status}).`);
}

async function describe() {
  const name = (await get("v2/models")).models[0];
  model = await get(`v2/models/${encodeURIComponent(name)}`);
  const facts = model.parameters;
  document.title = `${model.name} · textgate`;
  byId("name").textContent = model.name;
  byId("about").textContent =
    `version ${model.versions[0]} · ${facts.task} · ${facts.labels.length} labels · ${facts.precision} · bundle ${facts.bundle.slice(0, 12)}`;
  return facts;
}

function showInputs() {
  const names = { text: "Text", text_pair: "Second text" };
  for (const { name } of model.inputs) {
    const label = element("label", "", names[name] || name);
    const area = element("textarea");
    area.id = label.htmlFor = `input-${name}`;
    area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("ask").requestSubmit();
    });
    byId("inputs").append(label, area);
  }
  byId("inputs").querySelector("textarea").focus();
}

function bars(labels, shares, given) {
  const order = shares.map((_, place) => place).sort((one, other) => shares[other] - shares[one]);
  return order.slice(0, MOST).map((place) => {
    const row = element("div", given.includes(labels[place]) ? "row given" : "row");
    const track = element("span", "track");
    const bar = element("span", "bar");
    bar.style.width = `${100 * shares[place]}%`;
    track.append(bar);
    row.append(element("span", "label", labels[place]), track, element("span", "share", percent(shares[place])));
    return row;
  });
}

// Offsets count characters, of which JavaScript's strings have one or two units each.
function marked(text, entities) {
  const characters = Array.from(text);
  const shown = element("p", "text");
  let end = 0;
  for (const entity of entities) {
    shown.append(characters.slice(end, entity.start).join(""));
    const mark = element("mark", "", characters.slice(entity.start, entity.end).join(""));
    mark.append(element("small", "", `${entity.label} ${percent(entity.probability)}`));
    shown.append(mark);
    end = entity.end;
  }
  shown.append(characters.slice(end).join(""));
  return shown;
}

function parts(texts, outputs, facts) {
  if (outputs.entities) {
    const entities = JSON.parse(outputs.entities[0]);
    const found = entities.length ? [] : [element("p", "note", "No entity was found.")];
    return [marked(texts[0], entities), ...found];
  }
  const given = outputs.label || JSON.parse(outputs.labels[0]);
  const notes = [];
  if (!given.length) notes.push(element("p", "note", "No label reaches its threshold."));
  if (outputs.abstain && outputs.abstain[0]) notes.push(element("p", "note abstain", "Not sure enough: this answer is better withheld."));
  if (facts.labels.length > MOST) notes.push(element("p", "note", `The ${MOST} likeliest of ${facts.labels.length} labels.`));
  return [...bars(facts.labels, outputs.probabilities, given), ...notes];
}

function show(...made) {
  byId("answer").replaceChildren(...made);
}

async function ask() {
  const texts = model.inputs.map(({ name }) => byId(`input-${name}`).value);
  const inputs = model.inputs.map(({ name }, place) => ({ name, shape: [1], datatype: "BYTES", data: [texts[place]] }));
  const answer = await get(`v2/models/${encodeURIComponent(model.name)}/infer`, { inputs });
  const known = model.versions[0];
  const facts = answer.model_version === known ? model.parameters : await describe();
  const outputs = Object.fromEntries(answer.outputs.map((output) => [output.name, output.data]));
  show(...parts(texts, outputs, facts), element("p", "note", `Answered by version ${answer.model_version}.`));
}

byId("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (byId("send").disabled) return;
  byId("send").disabled = true;
  try {
    if (!model) await begin();
    await ask();
  } catch (error) {
    show(element("p", "error", error.message));
  }
  byId("send").disabled = false;
});

async function begin() {
  await describe();
  if (!byId("inputs").childElementCount) showInputs();
}

begin().catch((error) => show(element("p", "error", error.message)));
