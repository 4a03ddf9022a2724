-- Styles that an earlier studio left in training when their job had ended: what they were before is as good as ever.
-- Previous studio: unaffected.
UPDATE styles
   SET training_status = CASE WHEN model_path IS NULL THEN 'pending' ELSE 'completed' END,
       training_progress = NULL
 WHERE training_status = 'training'
       AND NOT EXISTS (SELECT 1 FROM jobs
                        WHERE jobs.style_id = styles.id AND jobs.kind = 'train' AND jobs.status IN ('queued','running','paused'));
