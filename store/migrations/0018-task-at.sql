-- When Temporal scheduled the newest attempt that has begun: an older one that reaches its worker late begins no more.
alter table runs add column task_at timestamptz;
