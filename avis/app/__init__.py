"""Web page on which a model predicts an uploaded video; ``avis app`` starts it."""
