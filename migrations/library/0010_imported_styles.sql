-- Styles of other artists: what is made with one carries neither the name nor the signature of the artist whose library this is.
-- Previous studio: works, and signs what it makes with them as before.
-- The LoRA that came from elsewhere. The style is somebody else's as long as it is still `model_path`: a training of one's own replaces that.
ALTER TABLE styles ADD COLUMN imported_path TEXT;

-- A style with a LoRA that no training here has made.
UPDATE styles
   SET imported_path = model_path
 WHERE model_path IS NOT NULL
   AND training_metric IS NULL
   AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.style_id = styles.id AND kind = 'train');
