import { download, type Sftp, sftp, upload } from "@nacre/files";
import type { Client } from "@nacre/web";
import { chosenEntries, droppedEntries, type LocalEntry, saveDirectory, saveFile } from "@nacre/web/files";
import { escapeText, SshError } from "nacre";
import { element } from "../elements.ts";
import { fileProblem } from "./file-problem.ts";
import { type Folder, type FolderEntry, joinPath, listFolder } from "./folder.ts";
import { clearFolder, setBusy, showFolder } from "./folder-view.ts";
import { askToReplace } from "./replace-dialog.ts";
import { announce, TransferList } from "./transfer-list.ts";

const panel = element("files", HTMLElement);
const problem = element("files-problem", HTMLElement);
const uploadButtons = (["upload-files", "upload-folder"] as const).map((id) => element(id, HTMLButtonElement));
const refresh = element("files-refresh", HTMLButtonElement);

/** Files of the host: a folder, and transfers from and to it. */
export class FilePanel {
  readonly #client: Client;
  readonly #signal: AbortSignal;
  readonly #transfers: TransferList;
  #opening: Promise<Sftp> | undefined;
  #folder: Folder | undefined;
  /** Ends the loading of a folder when the user asks for another one. */
  #loading = new AbortController();

  /** `signal` ends the panel with the session. */
  constructor(client: Client, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
    this.#transfers = new TransferList(signal);
    clearFolder();
    for (const upload of uploadButtons) upload.disabled = true;
    problem.textContent = "";
    refresh.addEventListener("click", () => void this.#open(this.#folder?.path ?? ".", false), { signal });
    this.#onChoice("upload-files");
    this.#onChoice("upload-folder");
    this.#onDrop();
    signal.addEventListener("abort", () => this.#loading.abort());
    void this.#open(".", false);
  }

  /** Returns SFTP. One channel serves the list and all transfers; it is opened again after it has ended. */
  #sftp(): Promise<Sftp> {
    if (this.#opening !== undefined) return this.#opening;
    const opening = sftp(this.#client, { signal: this.#signal });
    this.#opening = opening;
    const forget = (): void => {
      if (this.#opening === opening) this.#opening = undefined;
    };
    opening.then(({ ended }) => ended.then(forget)).catch(forget);
    return opening;
  }

  /** Loads and shows a folder. Shows the problem and keeps the old one if that fails. */
  async #open(path: string, takeFocus: boolean): Promise<void> {
    this.#loading.abort();
    const loading = new AbortController();
    this.#loading = loading;
    const signal = AbortSignal.any([this.#signal, loading.signal]);
    setBusy(true);
    try {
      const files = await this.#sftp();
      const folder = await listFolder(files, await files.realpath(path, { signal }), signal);
      if (signal.aborted) return;
      this.#folder = folder;
      for (const upload of uploadButtons) upload.disabled = false;
      const actions = {
        open: (path: string) => void this.#open(path, true),
        download: (path: string, entry: FolderEntry) => void this.#download(path, entry),
      };
      problem.textContent = "";
      showFolder(folder, actions, takeFocus);
      announce(`Folder ${escapeText(folder.path)}`);
    } catch (error) {
      if (!signal.aborted) problem.textContent = fileProblem(error);
    } finally {
      if (this.#loading === loading) setBusy(false);
    }
  }

  async #upload(choice: Promise<readonly LocalEntry[]>): Promise<void> {
    const folder = this.#folder?.path;
    try {
      const entries = await choice;
      if (folder === undefined || entries.length === 0) return;
      const files = await this.#sftp();
      const existing = await Promise.all(
        entries.map(async ({ name }) => ((await files.exists(joinPath(folder, name))) ? [name] : [])),
      );
      if (existing.flat().length > 0 && !(await askToReplace(existing.flat(), this.#signal))) return;
      problem.textContent = "";
      const uploads = entries.map((entry) =>
        this.#transfers.add({
          kind: "upload",
          name: entry.name,
          isFolder: entry.type === "directory",
          run: (control) =>
            upload(files, entry, joinPath(folder, entry.name), {
              ...control,
              recursive: true,
              onError: entry.type === "directory" ? "skip" : "abort",
            }),
        }),
      );
      // Each row shows its own outcome.
      await Promise.allSettled(uploads);
      if (this.#folder?.path === folder && !this.#signal.aborted) await this.#open(folder, false);
    } catch (error) {
      if (!this.#signal.aborted) problem.textContent = fileProblem(error);
    }
  }

  /** Downloads an entry. The browser asks where to save it; that needs the turn of the click. */
  async #download(path: string, { name, type }: FolderEntry): Promise<void> {
    let isShown = false;
    try {
      const save = type === "folder" ? saveDirectory : saveFile;
      await save(name, async (target) => {
        const files = await this.#sftp();
        isShown = true;
        return this.#transfers.add({
          kind: "download",
          name,
          isFolder: type === "folder",
          run: (control) =>
            download(files, path, target, {
              ...control,
              recursive: type === "folder",
              onError: type === "folder" ? "skip" : "abort",
            }),
        });
      });
      problem.textContent = "";
    } catch (error) {
      const isClosed = error instanceof SshError && error.code === "aborted";
      // A row shows the outcome once the transfer has begun.
      if (!isShown && !isClosed && !this.#signal.aborted) problem.textContent = fileProblem(error);
    }
  }

  /** Uploads what the user chooses after a click on a button. */
  #onChoice(name: "upload-files" | "upload-folder"): void {
    const signal = this.#signal;
    const input = element(`${name}-input`, HTMLInputElement);
    element(name, HTMLButtonElement).addEventListener("click", () => input.click(), { signal });
    const take = (): void => {
      const entries = chosenEntries(input.files ?? []);
      // The same choice must be a change again.
      input.value = "";
      void this.#upload(Promise.resolve(entries));
    };
    input.addEventListener("change", take, { signal });
  }

  #onDrop(): void {
    const signal = this.#signal;
    const mark = (isMarked: boolean): void => void panel.classList.toggle("dropping", isMarked);
    const over = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      // Everywhere: the browser would leave the page and open a file that is dropped beside the panel.
      event.preventDefault();
      const isTarget = isInside(event);
      event.dataTransfer!.dropEffect = isTarget ? "copy" : "none";
      mark(isTarget);
    };
    const drop = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      mark(false);
      if (isInside(event)) void this.#upload(droppedEntries(event.dataTransfer));
    };
    document.addEventListener("dragover", over, { signal });
    document.addEventListener("drop", drop, { signal });
    document.addEventListener("dragend", () => mark(false), { signal });
    panel.addEventListener(
      "dragleave",
      ({ relatedTarget }) => mark(relatedTarget instanceof Node && panel.contains(relatedTarget)),
      { signal },
    );
  }
}

function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes("Files") === true;
}

function isInside({ target }: DragEvent): boolean {
  return target instanceof Node && panel.contains(target);
}
