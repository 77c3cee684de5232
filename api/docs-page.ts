import { escapeHtml } from './answer.ts';
import type { OpenApi, Operation } from './openapi.ts';

/** The document for people: one page without scripts, styles or fonts from elsewhere. Pure. */
export function docsPage(document: OpenApi): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))].sort();
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(tag));
    return `<h2 id="${escapeHtml(tag)}">${escapeHtml(tag)}</h2>\n${own.map(operationHtml).join('\n')}`;
  });
  const links = tags.map((tag) => `<a href="#${escapeHtml(tag)}">${escapeHtml(tag)}</a>`).join(' ');
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>nango-temporal API</title>
<style>
  body { font: 16px/1.5 system-ui; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
  nav a { margin-right: .75rem } code, pre { font: 14px/1.4 ui-monospace, monospace } pre { overflow: auto }
  summary { cursor: pointer } summary b { display: inline-block; min-width: 4.5rem } td { padding: 0 1rem 0 0; vertical-align: top }
</style>
<h1>REST API</h1><p>Authenticate with <code>Authorization: Bearer &lt;secret key&gt;</code>. As data: <a href="/openapi.json">/openapi.json</a></p>
<nav>${links}</nav>
${sections.join('\n')}
</html>
`;
}

function operationHtml({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { parameters, requestBody } = operation;
  const rows = parameters.map(
    (one) =>
      `<tr><td><code>${escapeHtml(one.name)}</code><td>${one.in}${one.required ? ', required' : ''}<td><code>${escapeHtml(JSON.stringify(one.schema))}</code>`,
  );
  const body = requestBody?.content['application/json']?.schema;
  const scope = operation['x-scope'];
  return `<details><summary><b>${method.toUpperCase()}</b> <code>${escapeHtml(path)}</code> — ${escapeHtml(operation.summary)}</summary>
${scope === undefined ? '' : `<p>Scope <code>${escapeHtml(scope)}</code></p>`}
${rows.length === 0 ? '' : `<table>${rows.join('')}</table>`}
${body === undefined ? '' : `<p>Body</p><pre>${escapeHtml(JSON.stringify(body, null, 2))}</pre>`}
<p>Answers ${Object.keys(operation.responses).join(', ')}</p></details>`;
}
