import type { Entry, Source } from './document.ts';
import { positionOf, reject, warn } from './document.ts';
import type { Model, TypeExpression } from './manifest.ts';
import { isTypeWord } from './model.ts';
import { RESERVED_NAMES } from './script-api.ts';
import { type Models, readType, typeBudget } from './type-node.ts';

/** Reads `models:`. Names are known before any type is read, so models may refer to each other in any order. */
export function readModels(
  source: Source,
  entries: readonly Entry[],
): { readonly list: readonly Model[]; readonly models: Models } {
  const byName = new Map(entries.filter((entry) => isModelName(source, entry)).map((entry) => [entry.key, entry]));
  const done = new Map<string, TypeExpression | undefined>();
  const open = new Set<string>();
  const models: Models = { has: (name) => byName.has(name), typeOf, budget: typeBudget() };

  function typeOf(name: string, offset: number): TypeExpression | undefined {
    const entry = byName.get(name);
    if (entry === undefined || done.has(name)) return done.get(name);
    // Recursion follows `__extends` only; a long chain of parents is as hostile as a circle.
    if (open.has(name) || open.size > 50) {
      reject(
        source,
        offset,
        `__extends '${name}': expected no model that inherits from itself, and at most 50 generations`,
        'model_extends_not_found',
      );
      return undefined;
    }
    open.add(name);
    const type = readType({ source, models, words: 'literal' }, entry.value, `model '${name}'`, entry.offset);
    open.delete(name);
    done.set(name, type);
    return type;
  }

  const list = [...byName.values()].flatMap((entry) => {
    const type = typeOf(entry.key, entry.offset);
    return type === undefined ? [] : { name: entry.key, type, ...positionOf(source, entry.offset) };
  });
  refuseEmptyCircles(source, list, byName);
  warnOfCycles(source, list, byName);
  return { list, models };
}

function isModelName(source: Source, entry: Entry): boolean {
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(entry.key)) {
    reject(
      source,
      entry.offset,
      `model name '${entry.key.slice(0, 80)}': expected letters, digits and '_', not beginning with a digit`,
      'invalid_model_name',
    );
    return false;
  }
  if (isTypeWord(entry.key) || RESERVED_NAMES.has(entry.key)) {
    reject(
      source,
      entry.offset,
      `model name '${entry.key}': expected another name, since models.ts needs this one for something else`,
      'invalid_model_name',
    );
    return false;
  }
  return true;
}

/** `A: B` and `B: A`, or `A: A | null`: no value could ever be checked against these, and TypeScript refuses them. */
function refuseEmptyCircles(source: Source, list: readonly Model[], entries: ReadonlyMap<string, Entry>): void {
  for (const name of onCircles(list, bareModelsIn)) {
    reject(
      source,
      entries.get(name)?.offset ?? 0,
      `model '${name}' is defined by itself: expected a mapping of fields or a list in between`,
    );
  }
}

function warnOfCycles(source: Source, list: readonly Model[], entries: ReadonlyMap<string, Entry>): void {
  for (const name of onCircles(list, modelsIn)) {
    warn(
      source,
      entries.get(name)?.offset ?? 0,
      `model '${name}' is part of a circle of models: allowed, as long as its records end somewhere`,
      'cyclic_model',
    );
  }
}

/** The models that reach themselves, or lie between two that do: what neither leads nor is led to is peeled off. */
function onCircles(list: readonly Model[], linksOf: (type: TypeExpression) => string[]): ReadonlySet<string> {
  const links = new Map(list.map((model) => [model.name, new Set(linksOf(model.type))]));
  const backLinks = new Map(list.map((model) => [model.name, new Set<string>()]));
  for (const [name, targets] of links) for (const target of targets) backLinks.get(target)?.add(name);
  const left = new Set(links.keys());
  peel(left, links, backLinks);
  peel(left, backLinks, links);
  return left;
}

/** Removes from `left`, again and again, what has no outgoing link within it. Each link is looked at once. */
function peel(
  left: Set<string>,
  outgoing: ReadonlyMap<string, ReadonlySet<string>>,
  incoming: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  const degree = new Map(
    [...left].map((name) => [name, [...(outgoing.get(name) ?? [])].filter((target) => left.has(target)).length]),
  );
  const free = [...left].filter((name) => degree.get(name) === 0);
  for (let name = free.pop(); name !== undefined; name = free.pop()) {
    left.delete(name);
    for (const source of incoming.get(name) ?? []) {
      const remaining = (degree.get(source) ?? 0) - 1;
      degree.set(source, remaining);
      if (remaining === 0 && left.has(source)) free.push(source);
    }
  }
}

function bareModelsIn(type: TypeExpression): string[] {
  if (type.kind === 'union') return type.members.flatMap(bareModelsIn);
  return type.kind === 'model' ? [type.name] : [];
}

/** The names of all models a type mentions. */
export function modelsIn(type: TypeExpression): string[] {
  switch (type.kind) {
    case 'model':
      return [type.name];
    case 'array':
      return modelsIn(type.element);
    case 'union':
      return type.members.flatMap(modelsIn);
    case 'object':
      return [...type.fields.map((field) => field.type), ...(type.index === undefined ? [] : [type.index])].flatMap(
        modelsIn,
      );
    case 'primitive':
    case 'literal':
      return [];
    default:
      return type satisfies never;
  }
}
