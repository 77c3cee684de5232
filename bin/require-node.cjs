// The published package's `preinstall`: npm runs every package's before it builds any, so this is read before the build of
// isolated-vm fails under an older Node, minutes later and in a compiler's words. Older Nodes must be able to parse it.
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

module.exports = { nodesAbove };

if (require.main === module) {
  const root = dirname(__dirname);
  const required = majorIn(packageIn(root).engines.node);
  if (majorIn(process.versions.node) < required && nodesAbove(root, required).length === 0) refuse(required);
}

function refuse(required) {
  process.stderr.write(
    `nango-temporal needs Node ${required} or later and this is Node ${process.versions.node}: install it from ` +
      `https://nodejs.org and repeat this, or in a project 'npm install node@${required}' first, which brings it along.\n`,
  );
  process.exit(1);
}

/** The folders of `node` packages of this major or later, beside this folder and further up, as Node looks for packages. */
function nodesAbove(folder, major) {
  const node = join(folder, 'node_modules', 'node');
  const found = majorIn(packageIn(node).version) >= major ? [node] : [];
  return dirname(folder) === folder ? found : [...found, ...nodesAbove(dirname(folder), major)];
}

/** Empty where there is none, or none that can be read. */
function packageIn(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch {
    return {};
  }
}

/** `>=24` and `24.21.0` → 24; 0 for nothing. */
function majorIn(text = '') {
  return Number.parseInt(/\d+/.exec(text)?.[0] ?? '0', 10);
}
