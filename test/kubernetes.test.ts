/** deploy/kubernetes against the API's own schemas, and against what docker-compose.yml says of the same parts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Service } from 'kubernetes-models/v1/Service';
import { parse, parseAllDocuments } from 'yaml';
import { PARTS } from '../api/readiness.ts';
import { SETTINGS } from '../runtime/env.ts';

const PROJECT = new URL('../', import.meta.url);
const FOLDER = new URL('deploy/kubernetes/', PROJECT);
const KINDS = { ConfigMap, Deployment, Job, NetworkPolicy, PodDisruptionBudget, Service } as const;

type Container = {
  readonly command: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly securityContext: object;
  readonly resources: { readonly limits: object };
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
};
type Probe = { readonly httpGet: { readonly path: string; readonly port: string } };
type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: { readonly template: { readonly spec: PodSpec } };
};
type PodSpec = {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly automountServiceAccountToken: boolean;
  readonly containers: readonly Container[];
};

const kustomization = parse(read('kustomization.yaml')) as { readonly resources: readonly string[] };
const manifests = kustomization.resources.flatMap((file) =>
  parseAllDocuments(read(file)).map((document) => document.toJS() as Manifest),
);
const pods = manifests.flatMap(({ metadata, spec }) =>
  spec?.template === undefined ? [] : [{ name: metadata.name, pod: spec.template.spec }],
);

function read(file: string): string {
  return readFileSync(new URL(file, FOLDER), 'utf8');
}

test('every file is a resource, and every resource follows the schema of its kind', () => {
  const files = readdirSync(FOLDER).filter((name) => name !== 'kustomization.yaml');
  expect([...kustomization.resources].sort()).toEqual(files.sort());
  expect(manifests.length).toBeGreaterThan(7);
  for (const manifest of manifests) {
    const Kind = KINDS[manifest.kind as keyof typeof KINDS] as unknown as new (from: Manifest) => { validate(): void };
    expect(() => new Kind(manifest).validate()).not.toThrow();
  }
});

test('a field that the kind has not is refused, so the schemas do look', () => {
  const [job] = manifests.filter(({ kind }) => kind === 'Job');
  const wrong = { ...job, spec: { ...job?.spec, backoffLimit: 'five' } };
  expect(() => new Job(wrong as never).validate()).toThrow(/backoffLimit/);
});

test('the parts are those of docker-compose.yml, with the same commands and settings that there are', () => {
  const { services } = parse(readFileSync(new URL('docker-compose.yml', PROJECT), 'utf8'), { merge: true }) as {
    services: Record<string, { build?: string; command?: string[]; environment?: Record<string, string> }>;
  };
  const ours = Object.entries(services).filter(([, { build }]) => build !== undefined);
  expect(pods.map(({ name }) => name).sort()).toEqual(ours.map(([name]) => name).sort());
  for (const [name, { command, environment }] of ours) {
    const [container] = pods.find((one) => one.name === name)?.pod.containers ?? [];
    expect(container?.command).toEqual(command);
    expect(existsSync(new URL(container?.command[1] ?? '?', PROJECT))).toBe(true);
    const roles = container?.env?.find((one) => one.name === 'NANGO_WORKER_ROLES')?.value;
    expect(roles).toBe(environment?.['NANGO_WORKER_ROLES']);
  }
  const named = manifests.flatMap(({ data = {} }) => Object.keys(data)).map((name) => name.replace(/_FILE$/, ''));
  expect(named.filter((name) => !(name in SETTINGS))).toEqual([]);
});

test('every process that runs for good has a probe of its life, and the API is ready without its workers', () => {
  const settings = manifests.find(({ kind }) => kind === 'ConfigMap')?.data;
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
  expect(deployments).toHaveLength(3);
  for (const { spec } of deployments) {
    const [container] = spec.template.spec.containers;
    const ports = new Map(container?.ports?.map(({ name, containerPort }) => [name, String(containerPort)]));
    expect(ports.get('metrics')).toBe(settings?.['NANGO_METRICS_PORT']);
    expect(container?.livenessProbe?.httpGet.path).toBe('/health');
    expect(ports.has(container?.livenessProbe?.httpGet.port ?? '')).toBe(true);
    const asked = container?.readinessProbe?.httpGet.path.split('?parts=')[1]?.split(',') ?? [];
    expect(PARTS.filter((part) => !asked.includes(part))).toEqual(ports.has('http') ? ['workers'] : PARTS);
  }
});

test('every pod is unprivileged, bounded, without a token of the cluster, and has time to hand its runs over', () => {
  for (const { pod } of pods) {
    expect(pod).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(30);
    for (const { securityContext, resources } of pod.containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(resources.limits).toHaveProperty('memory');
    }
  }
});
