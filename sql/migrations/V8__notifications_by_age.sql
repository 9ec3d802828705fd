-- Forgetting the oldest notifications happens once in a while, and they lie in the table in the
-- order of their age, more or less. So a summary of each range of pages finds them well enough,
-- and costs a new row next to nothing, where an index of every row's time cost as much as another
-- key.
create index notifications_created_at_brin_idx on notifications using brin (created_at);
drop index notifications_created_at_idx;
