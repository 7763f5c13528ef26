"""Audits: one model asked about very many pictures, streamed, resumable, in shards.

    Source --Ahead (read, decode)--> Scorer (asks the model) --> parts/part-000000.parquet ... --> summary page

The unit of work is a *part*: a fixed stretch of the source, scored in fixed batches and written by one atomic rename.
So a table never depends on when a run was stopped, and shards share nothing but a folder.
"""
