// The published package's `preinstall`: npm runs every package's before it builds any, so this is read before the build of
// isolated-vm fails under an older Node, minutes later and in a compiler's words. Older Nodes must be able to parse it.
const { existsSync, readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

const ROOT = dirname(__dirname);
const required = Number.parseInt(/\d+/.exec(packageIn(ROOT).engines.node)[0], 10);

if (Number.parseInt(process.versions.node, 10) < required && !isBeside(ROOT)) {
  process.stderr.write(
    `nango-temporal needs Node ${required} or later and this is Node ${process.versions.node}: install it from ` +
      `https://nodejs.org and repeat this, or in a project 'npm install node@${required}' first, which brings it along.\n`,
  );
  process.exit(1);
}

/** Whether a `node` package that is new enough stands beside the package or further up, where the launcher finds it. */
function isBeside(folder) {
  const node = join(folder, 'node_modules', 'node');
  if (existsSync(join(node, 'package.json')) && Number.parseInt(packageIn(node).version, 10) >= required) return true;
  return dirname(folder) !== folder && isBeside(dirname(folder));
}

function packageIn(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}
