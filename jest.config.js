/** Jest on ES modules: start it as `npm test` does, since it needs `--experimental-vm-modules --no-node-snapshot`. */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/test/fixtures/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.local/'],
  testSequencer: '<rootDir>/test/support/longest-first.js',
  // Files wait for servers and for time-outs: on two processors, three at once leave neither idle.
  maxWorkers: 3,
  testTimeout: 90_000,
};
