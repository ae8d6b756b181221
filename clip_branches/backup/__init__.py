"""Copies of a data folder that are whole, taken while services and preprocessing are at work, and put back.

python -m clip_branches.backup create /backups/birds
python -m clip_branches.backup verify /backups/birds
python -m clip_branches.backup restore /backups/birds
"""
