// The clone's `prepack`. Node strips no types below `node_modules`: a tarball of the sources would install and not run.
process.stderr.write(
  "This is the source of nango-temporal: 'npm run package' makes the package, dist/nango-temporal-<version>.tgz.\n",
);
process.exitCode = 1;
