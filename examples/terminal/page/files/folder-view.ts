import { canSaveDirectories } from "@nacre/web/files";
import { escapeText } from "nacre";
import { button, element, withText } from "../elements.ts";
import { formatBytes } from "../trace-lines.ts";
import { crumbs, type Folder, type FolderEntry, joinPath, MOST_ENTRIES } from "./folder.ts";
import { formatDate } from "./texts.ts";

const path = element("files-path", HTMLElement);
const region = element("files-list", HTMLElement);
const table = element("files-table", HTMLElement);
const caption = element("files-caption", HTMLElement);
const entryRows = element("files-entries", HTMLElement);
const rest = element("files-rest", HTMLElement);

/** What the user asks of a folder. */
export interface FolderActions {
  /** Opens another folder. */
  readonly open: (path: string) => void;
  /** Downloads an entry. Called in the turn of a click. */
  readonly download: (path: string, entry: FolderEntry) => void;
}

/** Shows a folder. With `takeFocus`, moves the focus to its list, because the focused element may be gone. */
export function showFolder(folder: Folder, actions: FolderActions, takeFocus: boolean): void {
  const { entries, hasMore } = folder;
  path.replaceChildren(
    ...crumbs(folder.path).map((crumb) => {
      const item = document.createElement("li");
      const link = button(escapeText(crumb.name), () => actions.open(crumb.path));
      if (crumb.path === folder.path) link.setAttribute("aria-current", "location");
      item.append(link);
      return item;
    }),
  );
  caption.textContent = `${escapeText(folder.path)}, ${entries.length === 1 ? "1 entry" : `${entries.length} entries`}`;
  const now = Date.now();
  entryRows.replaceChildren(...entries.map((entry) => rowOf(folder.path, entry, actions, now)));
  rest.textContent = hasMore
    ? `The folder has more than ${MOST_ENTRIES} entries; the page shows these.`
    : entries.length === 0
      ? "This folder is empty."
      : "";
  table.hidden = entries.length === 0;
  region.scrollTop = 0;
  if (takeFocus) region.focus();
}

/** Marks the list while another one is loaded. */
export function setBusy(isBusy: boolean): void {
  region.setAttribute("aria-busy", `${isBusy}`);
}

/** Removes everything. */
export function clearFolder(): void {
  for (const part of [path, caption, entryRows, rest]) part.replaceChildren();
  table.hidden = true;
}

function rowOf(folder: string, entry: FolderEntry, actions: FolderActions, now: number): HTMLTableRowElement {
  const row = document.createElement("tr");
  const { name, type, size, changed } = entry;
  const head = document.createElement("th");
  head.scope = "row";
  const shown = escapeText(name);
  const label = type === "folder" ? button(shown, () => actions.open(joinPath(folder, name))) : withText("span", shown);
  if (type === "folder") label.className = "open";
  const line = withText("div", "", "name");
  line.append(icon(type === "folder" ? "folder" : "file"), label);
  if (entry.isLink) line.append(withText("span", "link", "remark"));
  head.append(line);
  const actionCell = document.createElement("td");
  if (type !== "other") actionCell.append(downloadButton(folder, entry, actions));
  row.append(head, withText("td", type === "file" ? formatBytes(size) : ""), dateCell(changed, now), actionCell);
  return row;
}

function dateCell(changed: Date | undefined, now: number): HTMLTableCellElement {
  const cell = document.createElement("td");
  if (changed === undefined) return cell;
  const time = withText("time", formatDate(changed, now));
  time.dateTime = changed.toISOString();
  time.title = changed.toLocaleString("en");
  cell.append(time);
  return cell;
}

function downloadButton(folder: string, entry: FolderEntry, actions: FolderActions): HTMLButtonElement {
  const made = button("", () => actions.download(joinPath(folder, entry.name), entry));
  made.className = "download";
  made.append(icon("download"));
  const label = `Download ${escapeText(entry.name)}`;
  made.disabled = entry.type === "folder" && !canSaveDirectories();
  made.setAttribute("aria-label", label);
  made.title = made.disabled ? "This browser cannot save folders; open the folder and download its files" : label;
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** Returns a picture of the page that screen readers ignore. */
function icon(name: "folder" | "file" | "download"): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}
