/**
 * zod as it suits isolates that live for one short script. As it is published, loading it takes longer than most scripts
 * do: it makes 1,250 getters of which a script uses ten, and writes and compiles a parser of its own for each object
 * schema at the first object. What it answers stays the same.
 */
import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** An object schema gets a parser written for it once it has parsed so many objects: short scripts never get there. */
const OBJECTS_BEFORE_PARSER = 100;
/** Namespaces that hardly a script looks into. */
const RARE = ['core_exports2', 'locales_exports', 'regexes_exports', 'schemas_exports2', 'checks_exports2'];

type Change = readonly [from: string | RegExp, to: string];

const CHANGES: readonly { readonly file: RegExp; readonly changes: readonly Change[] }[] = [
  {
    file: /zod[\\/]v4[\\/]core[\\/]schemas\.js$/,
    changes: [
      [/^ {4}let fastpass;$/gm, '    let fastpass;\n    let parsed = 0;'],
      [
        /ctx\?\.async === false && ctx\.jitless !== true\) \{$/gm,
        `ctx?.async === false && ctx.jitless !== true && (parsed += 1) > ${OBJECTS_BEFORE_PARSER}) {`,
      ],
    ],
  },
  {
    file: /zod[\\/]v4[\\/]classic[\\/]from-json-schema\.js$/,
    changes: [
      [/^const z = \{$/gm, 'let names;\nconst all = () => names ??= {'],
      [/\bz\.(?=\w+\()/g, 'all().'],
      [/\bz\.iso\./g, 'all().iso.'],
    ],
  },
];

/** For the bundling of zod. Fails where a file of zod is not as it was when the change was written. */
export const zodForShortRuns: Plugin = {
  name: 'zod-for-short-runs',
  setup: ({ onLoad }) => {
    for (const { file, changes } of CHANGES)
      onLoad({ filter: file }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        return { contents: changes.reduce((before, change) => changed(before, change, path), text), loader: 'js' };
      });
  },
};

/** The bundle with namespaces that are cheap to make, and those that are rare made when they are looked into. */
export function withCheapNamespaces(bundle: string): string {
  // Without a prototype, as namespaces are: V8 then keeps names in a table instead of a shape for each further one.
  const cheap = changed(bundle, [/\b(\w+_exports\d*)=\{\}/g, '$1=Object.create(null)'], 'the bundle of zod');
  const later = RARE.reduce((text, name) => {
    const made = changed(text, [new RegExp(`__export\\(${name},(\\{[^{}]*\\})\\)`, 'g'), `__later(@,()=>($1))`], name);
    const used = changed(made, [new RegExp(`\\b${name}\\b(?!=)`, 'g'), `__filled(${name})`], name);
    return used.replace('__later(@', `__later(${name}`);
  }, cheap);
  return changed(later, [/var __export=/, `${LATER}var __export=`], 'the bundle of zod');
}

const LATER =
  'var __unmade=new Map,__later=(target,make)=>{__unmade.set(target,make)},' +
  '__filled=target=>{let make=__unmade.get(target);return make&&(__unmade.delete(target),__export(target,make())),target};';

function changed(text: string, [from, to]: Change, where: string): string {
  if (text.search(from) < 0) throw new Error(`${where} has no ${from}: zod or esbuild changed, look at zod-text.ts`);
  return text.replace(from, to);
}
