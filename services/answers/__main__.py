from services.answers.service import main

main()
