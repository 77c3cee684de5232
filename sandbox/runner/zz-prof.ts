import { createWarmIsolates } from './warm.ts'; import { startGuestRun } from './guest-run.ts'; import { loadGuestRuntime } from '../guest-runtime.ts';
const t = await loadGuestRuntime(); console.log(t.core.length, t.zod.length);
const w = createWarmIsolates(t, 2, () => {});
await w.refill();
{ let tt = performance.now(); for (let i = 0; i < 50; i++) { const p = await w.take(256, false); p.isolate.dispose(); } console.log('prepare+dispose', (performance.now() - tt) / 50);
 tt = performance.now(); for (let i = 0; i < 50; i++) { const p = await w.take(256, true); p.isolate.dispose(); } console.log('prepare+dispose zod', (performance.now() - tt) / 50); 
 const d: number[] = []; for (let i = 0; i < 50; i++) { const p = await w.take(256, false); tt = performance.now(); p.isolate.dispose(); d.push(performance.now() - tt); } console.log('dispose', d.sort((a,b)=>a-b)[25]); 
 const p = await w.take(256, false); console.log('heap', (await p.isolate.getHeapStatistics()).used_heap_size / 1e6, (await p.isolate.getHeapStatistics()).total_physical_size / 1e6); const pz = await w.take(256, true); console.log('heap zod', (await pz.isolate.getHeapStatistics()).used_heap_size / 1e6);
 const r0 = process.memoryUsage.rss(); const hold = []; for (let i = 0; i < 50; i++) hold.push(await w.take(256, false)); console.log('rss per idle isolate MB', (process.memoryUsage.rss() - r0) / 50 / 1e6); for (const h of hold) h.isolate.dispose(); p.isolate.dispose(); pz.isolate.dispose(); }
const code = 'module.exports.default = async (nango, input) => input';
const lat: number[] = [];
for (let i = 0; i < 200; i++) { await w.refill(); await new Promise(r => setTimeout(r, 5)); const t0 = performance.now(); await new Promise<void>(res => startGuestRun(w, { kind: 'action', scriptJson: JSON.stringify({ kind: 'action', context: { scriptName: 'x' }, seed: 'ab'.repeat(32), now: 1, limits: { maxFrameBytes: 1e6, maxCallsInFlight: 3 } }), code, input: '{"a":1}', memoryMb: 256, cpuMs: 1000, maxFrameBytes: 1e6 }, { call() {}, timerCleared() {}, delivered() {}, retire() {}, poisoned() {}, ended: () => { lat.push(performance.now() - t0); res(); } })); }
console.log('in child p50', lat.sort((a, b) => a - b)[100]);
process.exit(0);
