-- What is owed to whom by Web Push. A mention that no client acknowledges in time becomes one
-- row for each of the user's devices, so that one device's success does not end another's
-- retries, and so that what a killed server had in its hands is found again.

-- States: pending until a client acknowledges (delivered) or the user reads (read). When its
-- time is over it is being pushed (pushing) until a push service took it for at least one
-- device (pushed), or nothing more is tried (failed); without a device it stays where it is
-- (inbox).
alter table notifications
    -- Why it failed.
    add column reason text,
    drop constraint notifications_state_known,
    add constraint notifications_state_known
        check (state in ('pending', 'pushing', 'pushed', 'inbox', 'failed', 'delivered', 'read'));

-- For finding those whose time is over; holds only those that nothing became of yet.
create index notifications_pending_idx on notifications (created_at) where state = 'pending';

create table push_deliveries (
    user_id uuid not null,
    notification_id uuid not null,
    -- No foreign key: the row stays when the device goes, and says so.
    subscription_id uuid not null,
    -- Scheme, host and port of the push service, by which what is on its way is bounded.
    origin text not null,
    -- pending until the push service took it (pushed), it became unnecessary (withdrawn), or
    -- nothing more is tried (failed).
    state text not null default 'pending',
    -- How often it was taken up, also by a server that was killed before it could say what
    -- came of it.
    attempts integer not null default 0,
    -- When it may be taken up. Whoever does moves this ahead, as a lease.
    next_attempt_at timestamptz not null default now(),
    -- Why it was withdrawn or failed.
    reason text,
    ended_at timestamptz,
    constraint push_deliveries_pkey primary key (user_id, notification_id, subscription_id),
    constraint push_deliveries_notification_fkey foreign key (user_id, notification_id)
        references notifications (user_id, id) on delete cascade,
    constraint push_deliveries_state_known
        check (state in ('pending', 'pushed', 'withdrawn', 'failed'))
) with (fillfactor = 80);

-- For finding what is due.
create index push_deliveries_due_idx on push_deliveries (next_attempt_at) where state = 'pending';
