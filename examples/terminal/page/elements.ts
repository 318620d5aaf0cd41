/** Returns the element of the page with this id. Throws if it is missing or of another type. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} ${id}`);
  return found;
}

/** Creates an element with a text. The text is untrusted: `textContent` never becomes HTML. */
export function withText<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text: string,
  className = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className !== "") made.className = className;
  return made;
}

/** Creates a button that calls `onClick`. */
export function button(text: string, onClick: () => void): HTMLButtonElement {
  const made = withText("button", text);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

/** Copies a text, and confirms it on the button for two seconds. */
export async function copyFrom(source: HTMLButtonElement, text: string): Promise<void> {
  const label = source.textContent;
  try {
    await navigator.clipboard.writeText(text);
    source.textContent = "Copied";
  } catch {
    source.textContent = "Not permitted";
  }
  setTimeout(() => {
    source.textContent = label;
  }, 2000);
}

/** Returns the text of an error for display. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
