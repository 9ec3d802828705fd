-- Which history of the database this is. No parameters; the table has one row.
select epoch from instance
