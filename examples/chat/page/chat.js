// @ts-check
// Script of the page: joins the room over a WebSocket and shows its events. Names and texts are untrusted. They are inserted only through
// `textContent`, which the browser never parses as HTML.

/** Maximum number of messages that the page keeps. */
const MAX_SHOWN = 500;
/** Pixels from the end within which the list scrolls to new messages. */
const NEAR_END = 40;

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T} the element of the page with this id
 */
function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} ${id}`);
  return found;
}

const log = element("log", HTMLElement);
const empty = element("empty", HTMLElement);
const messages = element("messages", HTMLOListElement);
const people = element("people", HTMLUListElement);
const status = element("status", HTMLElement);
const joinView = element("join-view", HTMLElement);
const joinForm = element("join", HTMLFormElement);
const joinButton = element("join-button", HTMLButtonElement);
const nameInput = element("name", HTMLInputElement);
const roomView = element("room-view", HTMLElement);
const sayForm = element("say", HTMLFormElement);
const textInput = element("text", HTMLInputElement);
const problems = [element("problem", HTMLElement), element("join-problem", HTMLElement)];

/** Names in the room. */
const names = new Set();
/** @type {WebSocket | undefined} Connection to the room; `undefined` before joining and after the end. */
let connection;
/** Refused messages that are back in the field, before what was typed since. */
let returned = "";

const sshPort = document.querySelector("meta[name=ssh-port]")?.getAttribute("content");
element("ssh-command", HTMLElement).textContent = `ssh -p ${sshPort} YOUR-NAME@${location.hostname}`;

joinForm.addEventListener("submit", (event) => {
  event.preventDefault();
  if (connection === undefined) join(nameInput.value);
});

sayForm.addEventListener("submit", (event) => {
  event.preventDefault();
  if (connection?.readyState !== WebSocket.OPEN) return;
  connection.send(JSON.stringify({ type: "say", text: textInput.value }));
  textInput.value = "";
  returned = "";
  showProblem("");
});

nameInput.focus();

/** @param {string} name */
function join(name) {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/room`);
  connection = socket;
  showProblem("");
  showStatus("connecting", "Connecting");
  joinButton.disabled = true;
  socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "join", name })));
  socket.addEventListener("message", ({ data }) => onMessage(JSON.parse(data)));
  socket.addEventListener("close", onClose);
}

/**
 * @param {{ type: "welcome", name: string, names: string[] } | { type: "joined" | "left", name: string }
 *   | { type: "said", name: string, text: string } | { type: "refused", reason: string, text: string }
 *   | { type: "ended", reason: string }} message
 */
function onMessage(message) {
  switch (message.type) {
    case "welcome":
      showRoom(message.name);
      for (const name of message.names) names.add(name);
      break;
    case "joined":
      names.add(message.name);
      addLine("event", message.name, " joined");
      break;
    case "left":
      names.delete(message.name);
      addLine("event", message.name, " left");
      break;
    case "said":
      addLine("said", message.name, `: ${message.text}`);
      break;
    case "refused": {
      showProblem(message.reason);
      // If the user has edited the earlier messages, they count as typed since.
      const earlier = textInput.value.startsWith(returned) ? returned : "";
      const typed = textInput.value.slice(earlier.length);
      returned = `${earlier}${message.text} `;
      textInput.value = returned + typed;
      break;
    }
    case "ended":
      showProblem(message.reason);
      break;
  }
  empty.hidden = names.size > 1 || messages.querySelector(".said") !== null;
  people.replaceChildren(...[...names].sort((a, b) => a.localeCompare(b)).map((name) => withText("li", name)));
}

/**
 * @param {"idle" | "connecting" | "connected"} state
 * @param {string} text
 */
function showStatus(state, text) {
  status.dataset["state"] = state;
  element("status-text", HTMLElement).textContent = text;
}

/** @param {string} text a reason of the room, or a sentence of this page; empty for none */
function showProblem(text) {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  // Only one of them is in the view that is shown.
  for (const problem of problems) problem.textContent = sentence;
}

/** @param {string} name */
function showRoom(name) {
  showStatus("connected", `You are ${name}`);
  joinView.hidden = true;
  roomView.hidden = false;
  textInput.focus();
}

function onClose() {
  const hadJoined = joinView.hidden;
  connection = undefined;
  names.clear();
  people.replaceChildren();
  showStatus("idle", "Not connected");
  if (problems[0]?.textContent === "")
    showProblem(hadJoined ? "The connection has ended. Join again." : "The room cannot be reached. Try later.");
  joinView.hidden = false;
  roomView.hidden = true;
  joinButton.disabled = false;
  nameInput.focus();
}

/**
 * Adds a line to the messages. Scrolls to the end unless the user has scrolled up.
 *
 * @param {string} kind
 * @param {string} name
 * @param {string} text
 */
function addLine(kind, name, text) {
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
  const line = document.createElement("li");
  line.className = kind;
  // <bdi> prevents a right-to-left name from reordering the line.
  const author = withText("bdi", name);
  author.className = "author";
  line.append(author, withText("span", text));
  messages.append(line);
  while (messages.childElementCount > MAX_SHOWN) messages.firstElementChild?.remove();
  if (follows) log.scrollTop = log.scrollHeight;
}

/**
 * @param {string} tag
 * @param {string} text
 */
function withText(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
