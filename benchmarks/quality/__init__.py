"""Quality of feedback: catalogues with known truth, a simulated user, our models and their peers, figures, reports."""
