// Checks the names that packages export for applications, by their declarations: not too many values, and exactly those types that the
// signatures of the values name. `--list` prints the values. Run `tsc -b packages` before.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path/posix";
import { parseSync } from "oxc-parser";
import { FLOORS } from "./floors.ts";

/** Packages, with the most values of all their entries together. */
const MOST_VALUES: Readonly<Record<string, number>> = { nacre: 24, node: 80, files: 35 };

/** Entries for packages that build on a connection. */
const FOR_BUILDERS = /\/(?:blocks|extend|internal[a-z-]*)$/;

/** A node of the syntax tree (ESTree, with types). */
interface Node {
  readonly type: string;
  readonly [property: string]: unknown;
}

/** Names one declaration: a file, "#" and a name in it. */
type Id = string;

/** The declarations of a file. */
interface Source {
  /** Declarations by name. A function has one for each of its signatures. */
  readonly declared: Map<string, Node[]>;
  /** What imported names stand for. */
  readonly imported: Map<string, Id>;
  /** What exported names stand for. */
  readonly exported: Map<string, Id>;
  /** Exported names that are only types. */
  readonly types: Set<string>;
  /** Files of `export *`. */
  readonly all: string[];
}

const VALUE = /^(?:ClassDeclaration|TSDeclareFunction|TSEnumDeclaration|VariableDeclarator)$/;

/** Properties of a node with types whose members a declaration has. */
const INHERITED: ReadonlySet<string> = new Set(["extends", "implements", "superTypeArguments"]);

/** Files of the entries, by specifier. */
const entries = new Map<string, string>();
const sources = new Map<string, Source>();

for (const folder of Object.keys(FLOORS)) readEntries(`packages/${folder}`);

let isWrong = false;
for (const [folder, most] of Object.entries(MOST_VALUES)) {
  const exported = exportsOf(`packages/${folder}`);
  const values = exported.filter(({ isValue }) => isValue);
  const valueNames = [...new Set(values.map(({ name }) => name))];
  const below = idsBelow(folder);
  const ids = new Set(exported.flatMap(({ id }) => [id, aliasedBy(id)]));
  const { named, inherited } = typesNamedBy(
    values.map(({ id }) => id),
    (id) => below.has(id) && !ids.has(id),
  );
  const isNamed = (id: Id): boolean => named.has(id) || inherited.has(id) || named.has(aliasedBy(id));
  const surplus = exported.filter(({ id, isValue }) => !isValue && !isNamed(id)).map(({ name }) => name);
  const missing = [...named]
    .filter(([id]) => !ids.has(id) && !below.has(id))
    .map(([id, user]) => `${nameOf(id)} (in ${nameOf(user)})`);
  if (process.argv.includes("--list")) console.log(`${folder}: ${valueNames.join(", ")}`);
  if (valueNames.length > most)
    report(`${folder} exports ${valueNames.length} values, more than ${most}: ${valueNames.join(", ")}`);
  if (missing.length > 0)
    report(`${folder} names ${missing.length} types that it does not export: ${missing.join(", ")}`);
  if (surplus.length > 0)
    report(`${folder} exports ${surplus.length} types that it does not name: ${surplus.join(", ")}`);
}
if (isWrong) process.exitCode = 1;

function report(problem: string): void {
  isWrong = true;
  console.error(problem);
}

function nameOf(id: Id): string {
  return id.slice(id.indexOf("#") + 1);
}

function readEntries(folder: string): void {
  const { name, exports = {} } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as {
    readonly name: string;
    readonly exports?: Readonly<Record<string, { readonly types?: string }>>;
  };
  for (const [entry, { types }] of Object.entries(exports))
    if (types !== undefined) entries.set(join(name, entry), join(folder, types));
}

interface Export {
  readonly name: string;
  readonly id: Id;
  readonly isValue: boolean;
}

/** Returns what the entries of a package export for applications. Entries may give one name to several things. */
function exportsOf(folder: string): readonly Export[] {
  const found = new Map<string, Export>();
  for (const [specifier, file] of entries) {
    if (!file.startsWith(`${folder}/`) || FOR_BUILDERS.test(specifier)) continue;
    for (const name of exportedNames(file)) {
      const id = resolve(`${file}#${name}`);
      const isValue =
        !isTypeOnly(`${file}#${name}`) && (declarationsOf(id)?.some(({ type }) => VALUE.test(type)) ?? true);
      found.set(`${name} ${id}`, { name, id, isValue });
    }
  }
  return [...found.values()];
}

/** Returns what packages export that applications may import beside this one: those of floors 0 to 5, and below `files` also `nacre`. */
function idsBelow(folder: string): Set<Id> {
  const below = Object.keys(FLOORS).filter((name) => FLOORS[name]! <= 5 || (folder === "files" && name === "nacre"));
  return new Set(below.flatMap((name) => exportsOf(`packages/${name}`).map(({ id }) => id)));
}

function exportedNames(file: string): string[] {
  const { exported, all } = sourceOf(file);
  return [...exported.keys(), ...all.flatMap(exportedNames)];
}

/** Returns the type that an alias is another name of, such as `Other<Streams>`, or the declaration itself. */
function aliasedBy(id: Id): Id {
  const alias = declarationsOf(id)?.[0]?.["typeAnnotation"];
  const name = isNode(alias, "TSTypeReference") ? alias["typeName"] : undefined;
  return isNode(name, "Identifier") ? resolve(`${split(id)[0]}#${String(name["name"])}`) : id;
}

/** Follows imports and exports to the declaration that a name of a file stands for. */
function resolve(id: Id): Id {
  const next = nextOf(id);
  return next === undefined ? id : resolve(next);
}

function isTypeOnly(id: Id): boolean {
  const [file, name] = split(id);
  if (!existsSync(file)) return false;
  if (sourceOf(file).types.has(name)) return true;
  const next = nextOf(id);
  return next !== undefined && isTypeOnly(next);
}

function nextOf(id: Id): Id | undefined {
  const [file, name] = split(id);
  if (!existsSync(file)) return undefined;
  const { declared, imported, exported, all } = sourceOf(file);
  if (declared.has(name)) return undefined;
  const known = imported.get(name) ?? exported.get(name);
  if (known !== undefined && known !== id) return known;
  const other = all.find((from) => exportedNames(from).includes(name));
  return other && `${other}#${name}`;
}

function declarationsOf(id: Id): readonly Node[] | undefined {
  const [file, name] = split(id);
  return existsSync(file) ? sourceOf(file).declared.get(name) : undefined;
}

function split(id: Id): [string, string] {
  const at = id.indexOf("#");
  return [id.slice(0, at), id.slice(at + 1)];
}

/**
 * Returns the types that the signatures of some values name, directly or by the types they name, each with a declaration that names it.
 * Does not look into those that are `opaque`.
 */
function typesNamedBy(values: readonly Id[], opaque: (id: Id) => boolean): Named {
  const named = new Map<Id, Id>();
  const inherited = new Set<Id>();
  const seen = new Set<Id>();
  const visit = (id: Id): void => {
    if (seen.has(id)) return;
    seen.add(id);
    const [file] = split(id);
    for (const { name, isInherited } of (declarationsOf(id) ?? []).flatMap(referencesOf)) {
      const target = resolve(`${file}#${name}`);
      if (declarationsOf(target) === undefined) continue;
      if (isInherited) inherited.add(target);
      else if (!named.has(target)) named.set(target, id);
      if (!opaque(target)) visit(target);
    }
  };
  values.forEach(visit);
  return { named, inherited };
}

interface Named {
  /** Types that a signature names, each with a declaration whose signature it is. */
  readonly named: ReadonlyMap<Id, Id>;
  /** Types whose members others inherit. They may be exported. */
  readonly inherited: ReadonlySet<Id>;
}

interface Reference {
  readonly name: string;
  /** Whether only the members of the type are part of the signature, not its name. */
  readonly isInherited: boolean;
}

/** Returns the names that the public members of a declaration refer to. */
function referencesOf(declaration: Node): Reference[] {
  const found: Reference[] = [];
  const { superClass } = declaration;
  const isError = isNode(superClass, "Identifier") && String(superClass["name"]).endsWith("Error");
  const walk = (value: unknown, isInherited: boolean): void => {
    if (Array.isArray(value)) for (const item of value) walk(item, isInherited);
    if (!isNode(value)) return;
    if ((value["accessibility"] ?? "public") !== "public" || isNode(value["key"], "PrivateIdentifier")) return;
    // Hooks of Node's stream classes, such as `_write`, are not for applications.
    if (isNode(value["key"], "Identifier") && String(value["key"]["name"]).startsWith("_")) return;
    // Applications construct errors only. They get the objects of other classes from functions.
    if (value["kind"] === "constructor" && !isError) return;
    const name = value["typeName"] ?? value["exprName"] ?? value["expression"];
    if (isNode(name, "Identifier"))
      found.push({ name: String(name["name"]), isInherited: isInherited || value.type === "TSTypeQuery" });
    for (const [property, child] of Object.entries(value)) {
      const isClass = value.type === "ClassDeclaration";
      if (isClass && property === "typeParameters") continue;
      walk(child, isInherited || INHERITED.has(property));
    }
  };
  if (isNode(superClass, "Identifier")) found.push({ name: String(superClass["name"]), isInherited: true });
  walk(declaration, false);
  return found;
}

function isNode(value: unknown, type?: string): value is Node {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  return type === undefined || value.type === type;
}

function sourceOf(file: string): Source {
  const known = sources.get(file);
  if (known !== undefined) return known;
  const source: Source = { declared: new Map(), imported: new Map(), exported: new Map(), types: new Set(), all: [] };
  sources.set(file, source);
  for (const statement of parseSync(file, readFileSync(file, "utf8")).program.body)
    addStatement(source, file, statement);
  return source;
}

type Statement = ReturnType<typeof parseSync>["program"]["body"][number];

function addStatement(source: Source, file: string, statement: Statement): void {
  switch (statement.type) {
    case "ImportDeclaration":
      for (const specifier of statement.specifiers)
        if (specifier.type === "ImportSpecifier")
          source.imported.set(specifier.local.name, idOf(fileOf(file, statement.source.value), specifier.imported));
      return;
    case "ExportAllDeclaration":
      source.all.push(fileOf(file, statement.source.value));
      return;
    case "ExportNamedDeclaration":
      if (statement.declaration !== null) {
        for (const name of declare(source, statement.declaration)) source.exported.set(name, `${file}#${name}`);
        return;
      }
      for (const { local, exported, exportKind } of statement.specifiers) {
        const from = statement.source === null ? file : fileOf(file, statement.source.value);
        source.exported.set(textOf(exported), idOf(from, local));
        if (statement.exportKind === "type" || exportKind === "type") source.types.add(textOf(exported));
      }
      return;
    default:
      declare(source, statement);
  }
}

/** Adds the declarations of a statement, and returns their names. */
function declare(source: Source, statement: object): string[] {
  const declarations: readonly object[] =
    "declarations" in statement ? (statement.declarations as object[]) : [statement];
  return declarations.flatMap((node) => {
    const { id } = node as { readonly id?: unknown };
    if (!isNode(node) || !isNode(id, "Identifier")) return [];
    const name = String(id["name"]);
    source.declared.set(name, [...(source.declared.get(name) ?? []), node]);
    return [name];
  });
}

type ModuleName = { readonly name: string } | { readonly value: string };

function textOf(name: ModuleName): string {
  return "name" in name ? name.name : name.value;
}

function idOf(file: string, name: ModuleName): Id {
  return `${file}#${textOf(name)}`;
}

/** Returns the declarations of a module. Those of other packages than ours do not exist. */
function fileOf(importer: string, specifier: string): string {
  if (!specifier.startsWith(".")) return entries.get(specifier) ?? specifier;
  return join(importer, "..", specifier.replace(/\.(?:ts|js)$/, ".d.ts"));
}
